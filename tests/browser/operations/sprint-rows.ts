import { eventually } from '@lockstep/testing'
import { expect } from 'vitest'
import type { Person } from '../person.ts'
import { enter, list, type OperationPage, patch, post, remove } from './operation-row.ts'

const item = 'As a scrum master I see who has too much to do'
const task = 'Count every request'
const renamed = 'Count every single request'

const tasks = (person: Person) => list(person, `Tasks of ${item}`)
const names = (person: Person): Promise<string[]> =>
  tasks(person)
    .getByRole('checkbox')
    .evaluateAll((all) => all.map((one) => one.ariaLabel ?? ''))

/** The sprint: its tasks, and the charts over them. */
export const sprintPage: OperationPage = {
  path: '/sprint',
  rows: [
    {
      operation: 'tasks/create',
      requests: post('tasks'),
      act: (doer) => enter(doer.item(item).getByRole('textbox', { name: 'New task' }), task),
      see: (other) => tasks(other).getByRole('checkbox', { name: task }).waitFor(),
    },
    {
      operation: 'tasks/task_summary',
      requests: patch('tasks/\\d+'),
      act: async (doer) => {
        await tasks(doer).getByRole('button', { name: task, exact: true }).click()
        await enter(doer.page.getByRole('textbox', { name: 'Task', exact: true }), renamed)
      },
      see: (other) => tasks(other).getByRole('checkbox', { name: renamed }).waitFor(),
    },
    {
      operation: 'tasks/task_estimate',
      requests: patch('tasks/\\d+'),
      act: ({ page }) => enter(page.getByRole('textbox', { name: `Hours left of ${renamed}` }), '7,5'),
      see: async ({ page }) => {
        await page.getByRole('img', { name: 'Burndown: 31.5 hours left' }).waitFor()
        const field = page.getByRole('textbox', { name: `Hours left of ${renamed}` })
        expect(await field.inputValue()).toBe('7.5')
      },
    },
    {
      operation: 'tasks/assign',
      requests: patch('tasks/\\d+'),
      act: ({ page }) =>
        page
          .getByRole('combobox', { name: `Who does ${renamed}` })
          .selectOption('Olivia')
          .then(() => {}),
      see: ({ page }) =>
        eventually(async () =>
          expect(await page.getByRole('combobox', { name: `Who does ${renamed}` }).inputValue()).toBe('2'),
        ),
    },
    {
      operation: 'tasks/sort',
      requests: patch('tasks/\\d+'),
      act: ({ page }) => page.getByRole('button', { name: `Move the task ${renamed}` }).press('Alt+Home'),
      see: (other) => eventually(async () => expect((await names(other))[0]).toBe(renamed)),
    },
    {
      operation: 'tasks/destroy',
      requests: remove('tasks/\\d+'),
      act: async ({ page }) => {
        const button = page.getByRole('button', { name: `Delete the task ${renamed}` })
        await button.focus()
        await button.press('Enter')
      },
      see: (other) => tasks(other).getByRole('checkbox', { name: renamed }).waitFor({ state: 'detached' }),
    },
  ],
}
