import { eventually } from '@lockstep/testing'
import { expect } from 'vitest'
import type { Person } from '../person.ts'
import { list, type OperationPage, patch, post, remove } from './operation-row.ts'

const story = 'As a developer I can split an item into tasks'
const planned = 'As a scrum master I see who has too much to do'

/** Where the item stands in the sprint, from 0. */
async function placeOf(person: Person): Promise<number> {
  const names = await list(person, 'Sprint items')
    .getByRole('article')
    .evaluateAll((all) => all.map((one) => one.ariaLabel))
  return names.indexOf(story)
}

const handleIn = (person: Person, name: string) =>
  list(person, name).getByRole('button', { name: `Move ${story}` })

/** Backlog and sprint side by side. */
export const planningPage: OperationPage = {
  path: '/planning',
  rows: [
    {
      operation: 'sprints/assign_item_to_sprint',
      requests: patch('items/\\d+'),
      act: (doer) =>
        handleIn(doer, 'Backlog items').dragTo(list(doer, 'Sprint items').getByRole('article').first(), {
          targetPosition: { x: 200, y: 6 },
        }),
      see: (other) => eventually(async () => expect(await placeOf(other)).toBe(0)),
    },
    {
      operation: 'sprints/sort',
      requests: patch('items/\\d+'),
      act: (doer) => handleIn(doer, 'Sprint items').press('Alt+ArrowDown'),
      see: (other) => eventually(async () => expect(await placeOf(other)).toBe(1)),
    },
    {
      operation: 'sprints/remove_item_from_sprint',
      requests: patch('items/\\d+'),
      act: async (doer) => {
        await handleIn(doer, 'Sprint items').press('Enter')
        await doer.page.getByRole('menuitem', { name: 'Move to the backlog' }).press('Enter')
      },
      see: (other) => list(other, 'Backlog items').getByRole('article', { name: story }).waitFor(),
    },
    {
      operation: 'sprints/update',
      requests: patch('sprints/\\d+'),
      act: async ({ page }) => {
        await page.getByRole('button', { name: 'Change Sprint 2' }).click()
        await page.getByLabel('Goal').fill('Everything is seen')
        await page.getByRole('button', { name: 'Save' }).click()
      },
      see: ({ page }) => page.getByText('Everything is seen').waitFor(),
    },
    {
      operation: 'sprints/destroy',
      requests: remove('sprints/\\d+'),
      act: ({ page }) => page.getByRole('button', { name: 'Delete Sprint 2' }).click(),
      see: async (other) => {
        await other.page.getByRole('heading', { name: 'Sprint 1', level: 1 }).waitFor()
        await list(other, 'Backlog items').getByRole('article', { name: planned }).waitFor()
      },
    },
    {
      operation: 'sprints/create',
      // Then the page of the new sprint is gone to.
      requests: [...post('sprints'), /^GET \/projects\/1\/planning\/\d+$/],
      act: async ({ page }) => {
        await page.getByRole('button', { name: 'New sprint' }).click()
        await page.getByRole('button', { name: 'Plan it' }).click()
        await page.waitForURL(/planning\/\d+$/)
      },
      see: ({ page }) => page.getByRole('link', { name: 'Sprint 2' }).waitFor(),
    },
  ],
}
