import { enter, type OperationPage, opened, patch, post, remove } from './operation-row.ts'

const summary = 'The lift is broken'
const renamed = 'The lift is broken again'

/** What is in the team's way. */
export const impedimentsPage: OperationPage = {
  path: '/impediments',
  rows: [
    {
      operation: 'impediments/create',
      requests: post('impediments'),
      act: ({ page }) => enter(page.getByRole('textbox', { name: 'New impediment' }), summary),
      see: (other) => other.item(summary).waitFor(),
    },
    {
      operation: 'impediments/impediment_summary',
      requests: patch('impediments/\\d+'),
      act: (doer) => doer.rename(summary, renamed),
      see: (other) => other.item(renamed).waitFor(),
    },
    {
      operation: 'impediments/impediment_description',
      requests: patch('impediments/\\d+'),
      act: async (doer) => {
        const impediment = await opened(doer, renamed)
        await impediment.getByRole('button', { name: /^Say more/ }).click()
        await impediment.getByRole('textbox', { name: 'Description in Markdown' }).fill('It **stops**.')
        await impediment.getByRole('button', { name: 'Save' }).click()
      },
      see: async (other) => (await opened(other, renamed)).locator('strong', { hasText: 'stops' }).waitFor(),
    },
    {
      operation: 'impediments/create_comment',
      requests: post('comments'),
      act: async (doer) => {
        const impediment = await opened(doer, renamed)
        await impediment.getByRole('textbox', { name: 'New comment' }).fill('Since this morning.')
        await impediment.getByRole('button', { name: 'Comment', exact: true }).click()
      },
      see: async (other) => (await opened(other, renamed)).getByText('Since this morning.').waitFor(),
    },
    {
      operation: 'impediments/status',
      requests: patch('impediments/\\d+'),
      act: ({ page }) => page.getByRole('button', { name: `Open: ${renamed}` }).click(),
      see: async ({ page }) => {
        await page.getByRole('button', { name: /^Closed 2/ }).waitFor()
        await page.getByRole('button', { name: /^All/ }).click()
        await page.getByRole('button', { name: `Closed: ${renamed}` }).waitFor()
      },
    },
    {
      operation: 'impediments/destroy',
      requests: remove('impediments/\\d+'),
      act: async (doer) => {
        await doer.page.getByRole('button', { name: /^All/ }).click()
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
