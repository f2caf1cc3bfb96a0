import { randomBytes, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { forbidChance } from './forbid.ts'

test('nothing tells the time, draws chance or waits while that is forbidden; then everything does again', () => {
  const undo = forbidChance()
  const thrown: boolean[] = []
  let plain = 0
  try {
    for (const ask of [
      () => Date.now(),
      () => new Date(),
      () => Math.random(),
      () => performance.now(),
      () => process.hrtime(),
      () => setTimeout(() => {}, 0),
      () => setInterval(() => {}, 1),
      () => setImmediate(() => {}),
      () => queueMicrotask(() => {}),
      () => crypto.randomUUID(),
      () => crypto.getRandomValues(new Uint8Array(1)),
      () => randomBytes(1),
      () => randomUUID(),
    ]) {
      try {
        ask()
        thrown.push(false)
      } catch {
        thrown.push(true)
      }
    }
    plain = new Date(5).getTime()
  } finally {
    undo()
  }
  expect(thrown).not.toContain(false)
  expect(plain).toBe(5)
  expect(Date.now()).toBeGreaterThan(0)
  expect(new Date().getFullYear()).toBeGreaterThan(2000)
  expect(randomBytes(2)).toHaveLength(2)
})
