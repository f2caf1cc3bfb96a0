import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runScenario, type Steps, scenariosOf } from './scenario.ts'

const feature = `Feature: Lunch
  Scenario: Two people
    Given the following users exist:
      | email             |
      | alice@example.com |
    When "Alice" orders 2 of "Cheeseburgers"
`
let folder: string
let file: URL

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-feature-'))
  file = pathToFileURL(join(folder, 'lunch.feature'))
  await writeFile(file, feature)
})
afterEach(() => rm(folder, { recursive: true }))

async function runWith(steps: Steps): Promise<void> {
  for (const scenario of scenariosOf(file)) await runScenario(scenario, steps)
}

test('steps run in order, with what their patterns capture and their tables', async () => {
  const done: unknown[] = []
  await runWith([
    [/the following users exist:/, async (_captured, table) => void done.push(table)],
    [/"(\w+)" orders (\d+) of "(\w+)"/, async (captured) => void done.push(captured)],
  ])
  expect(done).toEqual([[{ email: 'alice@example.com' }], ['Alice', '2', 'Cheeseburgers']])
})

test('a step that no definition fits, or more than one, is named', async () => {
  const users: Steps[number] = [/the following users exist:/, async () => {}]
  await expect(runWith([users])).rejects.toThrow(
    '0 definitions fit the step: "Alice" orders 2 of "Cheeseburgers"',
  )
  await expect(runWith([users, users])).rejects.toThrow('2 definitions fit the step: the following users')
})

test('a step that fails is named, with its reason', async () => {
  const steps: Steps = [
    [
      /the following users exist:/,
      async () => {
        throw new Error('no such table')
      },
    ],
  ]
  await expect(runWith(steps)).rejects.toThrow('the following users exist:: no such table')
})

test('what is no Gherkin is told with its line', async () => {
  await writeFile(file, 'Scenario without a feature')
  expect(() => scenariosOf(file)).toThrow('(1:1)')
})
