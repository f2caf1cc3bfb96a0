import { expect, test } from 'vitest'
import { settle, VirtualRuntime } from '../../test/virtual-runtime.ts'
import { automaticTransport } from './automatic.ts'

const opened: FakeSocket[] = []

/** A WebSocket that does what the test says. */
class FakeSocket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: (() => void) | null = null

  constructor() {
    opened.push(this)
  }

  send(): void {}
  close(): void {}
}

const ignored = { opened() {}, message() {}, closed() {} }

test('C5: stays with WebSockets as long as not two in a row brought nothing', async () => {
  const runtime = new VirtualRuntime()
  const transport = automaticTransport(runtime, FakeSocket)
  for (let i = 0; i < 5; i++) {
    transport('http://server/lockstep', ignored)
    transport('http://server/lockstep', ignored)
    opened.at(-1)?.onmessage?.({ data: 'welcome' })
  }
  expect(opened).toHaveLength(10)
  transport('http://server/lockstep', ignored)
  transport('http://server/lockstep', ignored)
  const given = transport('http://server/lockstep', ignored)
  given.close()
  const third = transport('http://server/lockstep', ignored)
  while (third.fallback === undefined) await settle()
  expect(third.fallback.carrier).toBe('event-stream')
  expect(given.fallback, 'one that was closed before its code had come is not opened').toBeUndefined()
  expect(opened).toHaveLength(12)
  third.close()
  expect(runtime.timers).toBe(0)
})
