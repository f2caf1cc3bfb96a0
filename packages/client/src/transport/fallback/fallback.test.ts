import { describe, expect, test } from 'vitest'
import { VirtualRuntime } from '../../../test/virtual-runtime.ts'
import type { Link, TransportEvents } from '../transport.ts'
import { type Carriers, fallbackTransport } from './fallback.ts'
import { type CarrierName, firstWordMs, probeFirstMs, probeMaxMs, silenceMs } from './policy.ts'

interface Opened {
  readonly carrier: CarrierName
  readonly events: TransportEvents
  readonly sent: string[]
  closed: boolean
}

/** Carriers that do what a test says, and a client that opens again whenever a connection ends. */
function stage() {
  const runtime = new VirtualRuntime()
  const opened: Opened[] = []
  const carrier = (name: CarrierName) => (_url: string, events: TransportEvents) => {
    const made: Opened = { carrier: name, events, sent: [], closed: false }
    opened.push(made)
    const close = (): void => {
      made.closed = true
    }
    return { send: (text: string) => made.sent.push(text), close }
  }
  const carriers: Carriers = {
    websocket: carrier('websocket'),
    'event-stream': carrier('event-stream'),
    'long-polling': carrier('long-polling'),
  }
  const transport = fallbackTransport(runtime, carriers.websocket, carriers)
  const inbox: string[] = []
  const ends: number[] = []
  const open = (): Link =>
    transport('url', {
      opened() {},
      message: (text) => inbox.push(text),
      closed: (code) => ends.push(code),
    })
  const last = (): Opened => {
    const found = opened.at(-1)
    if (found === undefined) throw new Error('nothing was opened')
    return found
  }
  const tried = (): string => opened.map(({ carrier: name }) => name).join(' ')
  return { runtime, opened, open, last, tried, inbox, ends }
}

describe('C5: the choice of a carrier', () => {
  test('goes from an event stream to long-polling and around, where nothing comes through', () => {
    const { open, last, tried, ends } = stage()
    for (let i = 0; i < 6; i++) {
      open()
      last().events.closed(1006, '')
    }
    expect(tried()).toBe('event-stream long-polling websocket websocket event-stream long-polling')
    expect(ends).toHaveLength(6)
  })

  test('stays with what came through, and tells what and why', () => {
    const { open, last, tried, inbox } = stage()
    const first = open()
    last().events.message('welcome')
    last().events.closed(1006, '')
    open()
    expect(tried()).toBe('event-stream event-stream')
    expect(first.fallback).toEqual({ carrier: 'event-stream', reason: 'No WebSocket came through.' })
    last().events.closed(1006, '')
    expect(open().fallback).toEqual({
      carrier: 'long-polling',
      reason: 'Neither a WebSocket nor an event stream came through.',
    })
    expect(inbox).toEqual(['welcome'])
  })

  test('gives a carrier up that brings no first word, and one that its connection gives up on', async () => {
    const { open, last, tried, runtime, ends } = stage()
    open()
    await runtime.advance(firstWordMs - 1)
    expect(last().closed).toBe(false)
    await runtime.advance(1)
    expect(last().closed).toBe(true)
    expect(ends).toEqual([1006])
    open().close()
    open()
    expect(tried()).toBe('event-stream long-polling websocket')
  })

  test('takes a stream that went silent for one that is held back', async () => {
    const { open, last, tried, runtime } = stage()
    const link = open()
    last().events.message('welcome')
    last().events.message('a beat')
    await runtime.advance(probeFirstMs)
    last().events.closed(1006, '') // the probe's
    await runtime.advance(silenceMs - probeFirstMs)
    link.close()
    open()
    expect(tried()).toBe('event-stream websocket long-polling')
  })

  test('does not hold against a carrier that the client closed it', async () => {
    const { open, last, tried, runtime } = stage()
    const link = open()
    last().events.message('welcome')
    link.close()
    open()
    expect(tried()).toBe('event-stream event-stream')
    await runtime.advance(firstWordMs)
  })

  test('tries a WebSocket beside the fallback, ever more rarely, and moves once one works', async () => {
    const { open, opened, last, runtime, ends, inbox } = stage()
    open()
    const stream = last()
    stream.events.message('welcome')
    const gaps: number[] = []
    let at = runtime.now()
    for (let i = 0; i < 10; i++) {
      const before = opened.length
      while (opened.length === before) await runtime.advance(1_000)
      gaps.push(runtime.now() - at)
      at = runtime.now()
      expect(last().carrier).toBe('websocket')
      last().events.closed(1006, '')
      expect(last().closed).toBe(true)
    }
    expect(gaps.slice(0, 4)).toEqual([10_000, 20_000, 40_000, 80_000])
    expect(gaps.at(-1)).toBe(probeMaxMs)
    expect(ends).toEqual([])
    while (last().closed) await runtime.advance(60_000)
    const probe = last()
    probe.events.opened()
    expect(probe.sent).toEqual(['{"type":"probe"}'])
    expect(ends, 'open alone is not enough: nothing came yet').toEqual([])
    probe.events.message('an error')
    expect([probe.closed, stream.closed, ends]).toEqual([true, true, [1006]])
    expect(inbox, 'what the probe is told is nobody’s').toEqual(['welcome'])
    const link = open()
    expect([last().carrier, link.fallback]).toEqual(['websocket', undefined])
  })

  test('tries a WebSocket also where no connection lasts until its time', async () => {
    const { open, last, tried, runtime } = stage()
    for (let i = 0; i < 11; i++) {
      open()
      last().events.message('welcome')
      await runtime.advance(1_000)
      if (last().carrier === 'event-stream') last().events.closed(1006, '')
    }
    expect(tried()).toContain('websocket')
  })

  test('leaves no timer behind', async () => {
    const { open, last, runtime } = stage()
    const link = open()
    last().events.message('welcome')
    await runtime.advance(probeFirstMs)
    expect(last().carrier).toBe('websocket')
    link.close()
    expect(last().closed).toBe(true)
    expect(runtime.timers).toBe(0)
  })
})
