import { eventually } from '@lockstep/testing'
import { expect } from 'vitest'
import { enter, type OperationPage, opened, patch, post, remove } from './operation-row.ts'

const story = 'As a tester I do everything once'
const renamed = 'As a tester I do everything once more'
const neighbour =
  'As a product owner I can drag an item to a new place, so that the order says what comes first'

/** The backlog: its items and what is in them. */
export const backlogPage: OperationPage = {
  path: '',
  rows: [
    {
      operation: 'items/create',
      requests: post('items'),
      act: ({ page }) => enter(page.getByRole('textbox', { name: 'New item at the top' }), story),
      see: (other) => other.item(story).waitFor(),
    },
    {
      operation: 'items/lock',
      // Not a request: the page says it over the connection that it has.
      requests: [],
      message: 'locks',
      act: (doer) => doer.item(story).getByRole('button', { name: story, exact: true }).click(),
      see: (other, doer) => other.item(story).getByText(`${doer} is currently editing`).waitFor(),
    },
    {
      operation: 'items/unlock',
      requests: [],
      message: 'locks',
      bySame: true,
      act: ({ page }) => page.keyboard.press('Escape'),
      see: (other, doer) =>
        other.item(story).getByText(`${doer} is currently editing`).waitFor({ state: 'detached' }),
    },
    {
      operation: 'items/backlog_item_user_story',
      requests: patch('items/\\d+'),
      act: (doer) => doer.rename(story, renamed),
      see: (other) => other.item(renamed).waitFor(),
    },
    {
      operation: 'items/backlog_item_estimate',
      requests: patch('items/\\d+'),
      act: async (doer) => {
        await doer.item(renamed).getByRole('button', { name: 'Estimate: not estimated' }).click()
        await doer.page.getByRole('button', { name: '40 points', exact: true }).click()
      },
      see: (other) => other.item(renamed).getByRole('button', { name: 'Estimate: 40 points' }).waitFor(),
    },
    {
      operation: 'items/sort',
      requests: patch('items/\\d+'),
      act: (doer) =>
        doer
          .item(renamed)
          .getByRole('button', { name: `Move ${renamed}` })
          .press('Alt+ArrowDown'),
      see: (other) =>
        eventually(async () => expect((await other.stories()).slice(0, 2)).toEqual([neighbour, renamed])),
    },
    {
      operation: 'items/backlog_item_description',
      requests: patch('items/\\d+'),
      act: async (doer) => {
        const item = await opened(doer, renamed)
        await item.getByRole('button', { name: /^Add a description/ }).click()
        await item.getByRole('textbox', { name: 'Description in Markdown' }).fill('It is **there**.')
        await item.getByRole('button', { name: 'Save' }).click()
      },
      see: async (other) => (await opened(other, renamed)).locator('strong', { hasText: 'there' }).waitFor(),
    },
    {
      operation: 'tags/create',
      requests: post('tags'),
      act: ({ page }) => enter(page.getByRole('textbox', { name: 'New tag for the project' }), 'seen'),
      see: ({ page }) => page.getByRole('button', { name: 'Delete the tag seen' }).waitFor(),
    },
    {
      operation: 'backlog_item_tags/create',
      requests: post('item_tags'),
      act: async (doer) => enter((await opened(doer, renamed)).getByLabel('New tag'), 'seen'),
      see: async (other) =>
        (await opened(other, renamed)).getByRole('button', { name: 'Take off the tag seen' }).waitFor(),
    },
    {
      operation: 'tags/update',
      requests: patch('tags/\\d+'),
      act: async ({ page }) => {
        const all = page.getByRole('list', { name: 'All tags' })
        await all.getByRole('button', { name: 'seen', exact: true }).click()
        await enter(page.getByRole('textbox', { name: 'Tag', exact: true }), 'watched')
      },
      see: async (other) =>
        (await opened(other, renamed)).getByRole('button', { name: 'Take off the tag watched' }).waitFor(),
    },
    {
      operation: 'backlog_item_tags/destroy',
      requests: remove('item_tags/\\d+'),
      act: async (doer) =>
        (await opened(doer, renamed)).getByRole('button', { name: 'Take off the tag watched' }).click(),
      see: (other) =>
        other
          .item(renamed)
          .getByRole('button', { name: 'Take off the tag watched' })
          .waitFor({ state: 'detached' }),
    },
    {
      operation: 'tags/destroy',
      requests: remove('tags/\\d+'),
      act: ({ page }) => page.getByRole('button', { name: 'Delete the tag watched' }).click(),
      see: ({ page }) =>
        page.getByRole('button', { name: 'Delete the tag watched' }).waitFor({ state: 'detached' }),
    },
    {
      operation: 'comments/create',
      requests: post('comments'),
      act: async (doer) => {
        const item = await opened(doer, renamed)
        await item.getByRole('textbox', { name: 'New comment' }).fill('Seen by all?')
        await item.getByRole('button', { name: 'Comment', exact: true }).click()
      },
      see: async (other, doer) => {
        const comments = (await opened(other, renamed)).getByRole('region', { name: 'Comments' })
        await comments.getByText('Seen by all?').waitFor()
        await comments.getByText(doer, { exact: true }).waitFor()
      },
    },
    {
      operation: 'attachments/create',
      requests: post('attachments'),
      act: async (doer) =>
        (await opened(doer, renamed))
          .locator('input[type=file]')
          .setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('one') }),
      see: async (other) => (await opened(other, renamed)).getByRole('link', { name: 'a.txt' }).waitFor(),
    },
    {
      operation: 'attachments/destroy',
      requests: remove('attachments/\\d+'),
      act: async (doer) =>
        (await opened(doer, renamed)).getByRole('button', { name: 'Delete the attachment a.txt' }).click(),
      see: (other) => other.item(renamed).getByRole('link', { name: 'a.txt' }).waitFor({ state: 'detached' }),
    },
    {
      operation: 'items/destroy',
      requests: remove('items/\\d+'),
      act: async (doer) => {
        await doer.item(renamed).hover()
        await doer
          .item(renamed)
          .getByRole('button', { name: `Delete ${renamed}` })
          .click()
      },
      see: (other) => other.item(renamed).waitFor({ state: 'detached' }),
    },
  ],
}
