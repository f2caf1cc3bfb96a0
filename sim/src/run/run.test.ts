import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { drawSchedule } from '../schedule/draw.ts'
import { runSchedule } from './run.ts'

test('a schedule is plain data, and the same data gives the same run to the last event', async () => {
  const schedule = drawSchedule(11)
  const kept = JSON.parse(JSON.stringify(schedule)) as typeof schedule
  expect(kept).toEqual(schedule)
  const first = await runSchedule(schedule, { hash: true, keep: true })
  const second = await runSchedule(kept, { hash: true })
  expect(second.hash).toBe(first.hash)
  expect(second.steps).toBe(first.steps)
  expect(first.count).toBeGreaterThan(100)
  const other = await runSchedule(drawSchedule(12), { hash: true })
  expect(other.hash).not.toBe(first.hash)
})

test('a step that is cut out leaves what was drawn for the others as it was', async () => {
  const schedule = drawSchedule(11)
  const cut = { ...schedule, steps: schedule.steps.filter((_, i) => i !== schedule.steps.length - 1) }
  const [whole, rest] = await Promise.all([
    runSchedule(schedule, { keep: true }),
    runSchedule(cut, { keep: true }),
  ])
  const last = schedule.steps.at(-1)?.at ?? 0
  const before = (events: typeof whole.events) => events.filter(({ at }) => at < last)
  expect(before(rest.events)).toEqual(before(whole.events))
})

test('the command runs seeds where nothing may read a clock or draw chance, and sums them up', async () => {
  const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [main, '--seeds', '3', '--from', '49'])
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(
    /^3 schedules, [\d.]+ virtual hours, \d+ events, \d+ faults, 0 violations in [\d.]+ s$/,
  )
  await expect(promisify(execFile)(process.execPath, [main])).rejects.toMatchObject({ code: 1 })
})
