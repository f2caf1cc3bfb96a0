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

test('C5: where there is no WebSocket class, none is tried, and looking for one fails quietly', async () => {
  const { WebSocket } = globalThis
  Reflect.deleteProperty(globalThis, 'WebSocket')
  const runtime = new VirtualRuntime()
  runtime.respond = () => new Promise(() => {})
  const transport = automaticTransport(runtime)
  const tried: (string | undefined)[] = []
  while (tried.length < 6) {
    let closed = false
    const link = transport('http://server/lockstep', { ...ignored, closed: () => (closed = true) })
    while (!('fallback' in link)) await settle()
    tried.push(link.fallback?.carrier)
    await runtime.advance(30_000)
    expect(closed).toBe(true)
  }
  // None at the very first; then as for a WebSocket that does not get through.
  expect(tried).toEqual([
    'event-stream',
    'long-polling',
    undefined,
    undefined,
    'event-stream',
    'long-polling',
  ])
  if (WebSocket !== undefined) globalThis.WebSocket = WebSocket
})
