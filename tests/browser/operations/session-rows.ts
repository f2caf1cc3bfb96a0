import type { Person } from '../person.ts'
import type { OperationPage } from './operation-row.ts'

const story = 'As a team member I see changes of others without reloading'

async function comeAnew(person: Person): Promise<void> {
  await person.page.reload()
  await person.live()
}

const face = ({ page }: Person, name: string) =>
  page.getByRole('list', { name: 'Who else is here' }).getByRole('img', { name: `${name}: Backlog` })

const note = (person: Person, name: string) =>
  person.item(story).getByText(`${name} is currently editing`, { exact: true })

/** That somebody is there, holds something, and goes. */
export const sessionPage: OperationPage = {
  path: '',
  rows: [
    {
      operation: 'connected_users',
      requests: [],
      message: 'connected_users',
      act: (doer) => doer.item(story).scrollIntoViewIfNeeded(),
      see: async (other, doer) => {
        await comeAnew(other)
        await face(other, doer).waitFor()
      },
    },
    {
      operation: 'current_locks',
      requests: [],
      message: 'current_locks',
      act: (doer) => doer.item(story).getByRole('button', { name: story, exact: true }).click(),
      see: async (other, doer) => {
        await comeAnew(other)
        await note(other, doer).waitFor()
      },
    },
    {
      operation: 'disconnected',
      requests: [],
      message: 'presence',
      bySame: true,
      act: ({ page }) => page.close(),
      see: async (other, doer) => {
        await note(other, doer).waitFor({ state: 'detached' })
        await face(other, doer).waitFor({ state: 'detached' })
      },
    },
  ],
}
