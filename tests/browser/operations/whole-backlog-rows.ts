import { eventually } from '@lockstep/testing'
import { expect } from 'vitest'
import type { Person } from '../person.ts'
import { enter, type OperationPage, patch, post, remove } from './operation-row.ts'

const first = 'As a product owner I can drag an item to a new place, so that the order says what comes first'

const markers = (person: Person): Promise<string[]> =>
  person.page
    .getByRole('group', { name: /^Future sprint/ })
    .evaluateAll((all) => all.map((one) => one.ariaLabel ?? ''))

/** The backlog: what is done to all of it. */
export const wholeBacklogPage: OperationPage = {
  path: '',
  rows: [
    {
      operation: 'items/bulk_add',
      requests: post('items/bulk'),
      act: async ({ page }) => {
        await page.getByRole('button', { name: 'Add many' }).click()
        await page.getByRole('textbox', { name: 'One user story a line' }).fill('Bulk one\nBulk two')
        await page.getByRole('button', { name: 'Add 2 items' }).click()
      },
      see: (other) =>
        eventually(async () => expect((await other.stories()).slice(-2)).toEqual(['Bulk one', 'Bulk two'])),
    },
    {
      operation: 'items/import_csv',
      requests: post('items/import'),
      act: async ({ page }) => {
        await page.getByRole('button', { name: 'Import', exact: true }).click()
        const csv = { name: 'b.csv', mimeType: 'text/csv', buffer: Buffer.from('Title,Points\nRead,3\n') }
        await page.getByLabel(/^A file with the columns/).setInputFiles(csv)
        await page.getByRole('button', { name: 'Import one item' }).click()
      },
      see: (other) => other.item('Read').getByRole('button', { name: 'Estimate: 3 points' }).waitFor(),
    },
    {
      operation: 'planning_markers/create',
      requests: post('markers'),
      act: async (doer) => {
        const handle = doer.item(first).getByRole('button', { name: `Move ${first}` })
        await handle.press('Enter')
        await doer.page.getByRole('menuitem', { name: 'Cut the backlog below' }).press('Enter')
      },
      see: ({ page }) => page.getByRole('group', { name: 'Future sprint 1: 5 points in 1 item' }).waitFor(),
    },
    {
      operation: 'planning_markers/update',
      requests: patch('markers/\\d+'),
      act: ({ page }) =>
        page
          .getByRole('button', { name: 'Move the marker of Future sprint 1', exact: true })
          .press('Alt+ArrowDown'),
      see: ({ page }) => page.getByRole('group', { name: 'Future sprint 1: 13 points in 2 items' }).waitFor(),
    },
    {
      operation: 'planning_markers/destroy',
      requests: remove('markers/\\d+'),
      act: ({ page }) => page.getByRole('button', { name: 'Remove the marker of Future sprint 1' }).click(),
      see: (other) => eventually(async () => expect(await markers(other)).toEqual([])),
    },
    {
      operation: 'planning_markers/distribute',
      requests: post('markers/distribute'),
      act: async ({ page }) => {
        await page.getByRole('button', { name: 'Cut into sprints' }).click()
        await enter(page.getByRole('textbox', { name: 'Points in one sprint' }), '20')
      },
      see: ({ page }) => page.getByRole('group', { name: 'Future sprint 1: 18 points in 4 items' }).waitFor(),
    },
    {
      operation: 'planning_markers/destroy_all',
      requests: remove('markers'),
      act: async ({ page }) => {
        await page.getByRole('button', { name: 'Cut into sprints' }).click()
        await page.getByRole('button', { name: 'Remove all markers' }).click()
      },
      see: (other) => eventually(async () => expect(await markers(other)).toEqual([])),
    },
  ],
}
