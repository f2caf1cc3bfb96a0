import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { backoffMs, fastRetryMs, retryMaxMs } from './backoff.ts'
import {
  type ConnectionEvent,
  type ConnectionState,
  connectionTable,
  connectMs,
  decide,
  type Effect,
  goodbyeMaxMs,
} from './state.ts'

const error = { code: 'session_expired', message: 'Expired.', retryable: false }
const up = { failures: 0, renewed: false, since: 0, heartbeatMs: 1_000, alarmAt: 2_000, error: undefined }

const states: { readonly [Kind in ConnectionState['kind']]: Extract<ConnectionState, { kind: Kind }> } = {
  idle: { kind: 'idle' },
  connecting: { kind: 'connecting', failures: 0, renewed: false, alarmAt: connectMs, error: undefined },
  renewing: { kind: 'renewing', failures: 0, alarmAt: 15_000 },
  'catching-up': { kind: 'catching-up', ...up },
  live: { kind: 'live', ...up },
  offline: { kind: 'offline', failures: 1, alarmAt: 500, asked: false },
  refused: { kind: 'refused', error },
  closed: { kind: 'closed' },
}

const events: readonly ConnectionEvent[] = [
  { kind: 'start', token: true },
  { kind: 'opened' },
  { kind: 'welcome', heartbeatMs: 1_000, settled: false },
  { kind: 'heard' },
  { kind: 'progress', settled: true },
  { kind: 'rejected', error },
  { kind: 'goodbye', retryMs: 1_000 },
  { kind: 'lost', code: 1006, reason: '' },
  { kind: 'alarm' },
  { kind: 'nudge' },
  { kind: 'renewed' },
  { kind: 'not-renewed', final: true, error },
  { kind: 'close' },
]

/** What comes of each event, at the time the alarm of the state is due. `-` is: nothing. */
const table: Readonly<Record<ConnectionState['kind'], string>> = {
  //             start        opened            welcome      heard        progress rejected  goodbye  lost     alarm       nudge       renewed     not-renewed close
  idle: '          connecting   -                 -            -            -        -         -        -        -           -           -           -           closed',
  connecting:
    '    -            connecting:greet  catching-up  -            -        renewing  offline  offline  offline     -           -           -           closed',
  renewing:
    '      -            -                 -            -            -        -         -        -        offline     -           connecting  refused     closed',
  'catching-up':
    ' -            -                 -            catching-up  live     renewing  offline  offline  connecting  connecting  -           -           closed',
  live: '          -            -                 -            live         live     renewing  offline  offline  connecting  connecting  -           -           closed',
  offline:
    '       connecting   -                 -            -            -        -         -        -        connecting  connecting  -           -           closed',
  refused:
    '       connecting   -                 -            -            -        -         -        -        -           -           -           -           closed',
  closed:
    '        -            -                 -            -            -        -         -        -        -           -           -           -           -',
}

const opening: Readonly<Record<string, readonly Effect[]>> = {
  connecting: ['drop', 'open'],
  'connecting:greet': ['greet'],
  renewing: ['drop', 'renew'],
  offline: ['drop'],
  refused: ['drop'],
  closed: ['drop'],
}

describe('the table', () => {
  test('has a cell for every state and event', () => {
    for (const state of Object.keys(states) as ConnectionState['kind'][]) {
      expect(Object.keys(connectionTable[state]).sort()).toEqual(events.map(({ kind }) => kind).sort())
      expect(table[state].trim().split(/\s+/)).toHaveLength(events.length)
    }
  })

  for (const state of Object.values(states)) {
    test.each(events.map((event, index) => [event.kind, event, index] as const))(
      `${state.kind}: %s`,
      (_, event, index) => {
        const due = 'alarmAt' in state ? state.alarmAt : 0
        const [next, ...effects] = decide(state, event, due, 0.5)
        const cell = table[state.kind].trim().split(/\s+/)[index] ?? ''
        if (cell === '-') {
          expect(next).toBe(state)
          expect(effects).toEqual([])
          return
        }
        expect(next.kind).toBe(cell.split(':')[0])
        expect(effects).toEqual(opening[cell] ?? [])
      },
    )
  }

  test('never moves without an event being due: an alarm that comes early changes nothing', () => {
    for (const state of Object.values(states)) {
      if ('alarmAt' in state)
        expect(decide(state, { kind: 'alarm' }, state.alarmAt - 1, 0.5)).toEqual([state])
    }
  })
})

describe('what closes a connection decides what follows', () => {
  test.each([
    [1000, 'offline'],
    [1006, 'offline'],
    [1012, 'offline'],
    [4500, 'offline'],
    [4503, 'offline'],
    [4408, 'offline'],
    [4429, 'offline'],
    [4401, 'renewing'],
    [4409, 'renewing'],
    [4400, 'refused'],
    [4403, 'refused'],
    [4426, 'refused'],
  ])('%i leads to %s', (code, kind) => {
    for (const state of [states.connecting, states['catching-up'], states.live]) {
      expect(decide(state, { kind: 'lost', code, reason: 'why' }, 100, 0.5)[0].kind).toBe(kind)
    }
  })

  test('a refusal names its reason: the error that was sent, else the word of the close', () => {
    const lost: ConnectionEvent = { kind: 'lost', code: 4403, reason: 'forbidden' }
    expect(decide(states.live, lost, 0, 0)[0]).toMatchObject({
      kind: 'refused',
      error: { code: 'forbidden' },
    })
    const told = { code: 'bad_request', message: 'Why.', retryable: false }
    const [state] = decide(states.live, { kind: 'rejected', error: told }, 0, 0)
    expect(decide(state, lost, 0, 0)[0]).toEqual({ kind: 'refused', error: told })
  })

  test('a token that is refused right after it was renewed is final; later it may be renewed again', () => {
    const lost: ConnectionEvent = { kind: 'lost', code: 4401, reason: 'session_expired' }
    const renewed = { ...states.connecting, renewed: true }
    expect(decide(renewed, lost, 0, 0)[0].kind).toBe('refused')
    const [greeted] = decide(renewed, { kind: 'welcome', heartbeatMs: 1_000, settled: true }, 0, 0)
    expect(decide(greeted, lost, 100, 0)[0].kind).toBe('refused')
    expect(decide(greeted, lost, 60_000, 0)[0].kind).toBe('renewing')
  })
})

describe('waiting', () => {
  test('the first try comes fast, further ones within a bound that grows up to the longest', () => {
    fc.assert(
      fc.property(
        fc.nat(60),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (failures, random) => {
          const ms = backoffMs(failures, random)
          expect(ms).toBeGreaterThanOrEqual(0)
          expect(ms).toBeLessThanOrEqual(
            failures === 0 ? fastRetryMs : Math.min(retryMaxMs, 500 * 1.3 ** (failures - 1)),
          )
        },
      ),
    )
    expect(backoffMs(0, 0.999)).toBeLessThan(fastRetryMs)
    expect(backoffMs(50, 0.999)).toBeGreaterThan(14_000)
  })

  test('S2: of breaks of 5 s, fewer than one in a hundred outlast a session that is gone after 10 s', () => {
    const [breakMs, logoutMs, breaks] = [5_000, 10_000, 5_000]
    const draw = fc.noBias(fc.integer({ min: 0, max: 999_999 })).map((n) => n / 1_000_000)
    const draws = fc.sample(fc.array(draw, { minLength: 60, maxLength: 60 }), { numRuns: breaks, seed: 1 })
    const late = draws.filter((randoms) => {
      let now = 0
      for (let failures = 0; now < breakMs; failures++) now += backoffMs(failures, randoms[failures] ?? 0)
      return now > logoutMs
    })
    expect(late.length).toBeLessThan(breaks / 100)
  })

  test('failures add up until a connection has held', () => {
    let state: ConnectionState = states.live
    const lost: ConnectionEvent = { kind: 'lost', code: 1006, reason: '' }
    const waits: number[] = []
    let now = 100
    for (let i = 0; i < 5; i++) {
      state = decide(state, lost, now, 1)[0]
      if (state.kind !== 'offline') throw new Error('not offline')
      waits.push(state.alarmAt - now)
      now = state.alarmAt
      state = decide(state, { kind: 'alarm' }, now, 1)[0]
      // Greeted each time, and cut again at once: no reason to come back faster.
      state = decide(state, { kind: 'welcome', heartbeatMs: 1_000, settled: true }, now, 1)[0]
    }
    expect(waits.map(Math.round)).toEqual([100, 500, 650, 845, 1_099])
    state = decide(state, lost, now + 60_000, 1)[0]
    expect(state).toMatchObject({ failures: 1, alarmAt: now + 60_000 + 100 })
  })

  test('a goodbye names the time, spread around it and bounded; hints of a better network do not shorten it', () => {
    const times = [0, 0.5, 0.999].map((random) => {
      const [state, ...effects] = decide(states.live, { kind: 'goodbye', retryMs: 2_000 }, 1_000, random)
      expect(effects).toEqual(['drop'])
      if (state.kind !== 'offline') throw new Error('not offline')
      expect(decide(state, { kind: 'nudge' }, 1_001, 0)[0]).toBe(state)
      return state.alarmAt - 1_000
    })
    expect(times[0]).toBe(1_000)
    expect(times[1]).toBe(2_000)
    expect(times[2]).toBeLessThan(3_000)
    const [state] = decide(states.live, { kind: 'goodbye', retryMs: 1e12 }, 0, 0.999)
    expect(state).toMatchObject({ kind: 'offline' })
    expect('alarmAt' in state && state.alarmAt).toBeLessThan(1.5 * goodbyeMaxMs)
  })

  test('silence for twice the heartbeat ends a connection; anything heard pushes that away', () => {
    const [heard] = decide(states.live, { kind: 'heard' }, 1_999, 0)
    expect(decide(heard, { kind: 'alarm' }, 2_000, 0)).toEqual([heard])
    expect(decide(heard, { kind: 'nudge' }, 2_000, 0)).toEqual([heard])
    const [state, ...effects] = decide(heard, { kind: 'alarm' }, 3_999, 0)
    expect(state.kind).toBe('connecting')
    expect(effects).toEqual(['drop', 'open'])
  })

  test('a client without a token asks for one first', () => {
    expect(decide(states.idle, { kind: 'start', token: false }, 0, 0)).toMatchObject([
      { kind: 'renewing' },
      'drop',
      'renew',
    ])
    const away: ConnectionEvent = { kind: 'not-renewed', final: false, error }
    expect(decide(states.renewing, away, 0, 0)[0]).toMatchObject({ kind: 'offline', failures: 1 })
  })
})
