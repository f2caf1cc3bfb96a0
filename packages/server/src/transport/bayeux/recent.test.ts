import { expect, it } from 'vitest'
import { type Message, readMessage } from './message.ts'
import { Recent } from './recent.ts'

const asked = (id: number | string, data: unknown = 1): Message =>
  readMessage({ channel: '/demo/a', id, data })

/** Runs requests and tells which of them were done rather than remembered. */
function recorder(): { run(message: Message, answer?: string): Promise<boolean> } {
  const recent = new Recent()
  return {
    async run(message, answer = '') {
      let done = false
      await recent.once(message, async () => {
        done = true
        return [answer]
      })
      return done
    },
  }
}

it('Y7: a repetition is what has the same id of the same type, channel and data', async () => {
  const { run } = recorder()
  expect(await run(asked(1))).toBe(true)
  expect(await run(asked(1))).toBe(false)
  expect(await run(asked('1'))).toBe(true)
  expect(await run(asked(1, 2))).toBe(true)
})

it('Y11: at most 256 requests are remembered, the newest', async () => {
  const { run } = recorder()
  for (let i = 0; i < 300; i++) await run(asked(i))
  expect(await run(asked(299))).toBe(false)
  expect(await run(asked(44))).toBe(false)
  expect(await run(asked(43))).toBe(true)
})

it('Y11: long answers are remembered up to 65,536 characters together', async () => {
  const { run } = recorder()
  for (let i = 0; i < 10; i++) await run(asked(i), 'x'.repeat(20_000))
  expect(await run(asked(9))).toBe(false)
  expect(await run(asked(7))).toBe(false)
  expect(await run(asked(6))).toBe(true)
})
