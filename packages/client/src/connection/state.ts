import type { WireError } from '@lockstep/protocol'
import { backoffMs } from './backoff.ts'

/*
 *   idle --start--> connecting --welcome--> catching-up <--progress--> live
 *                   ^   |   ^                        |                  |
 *              alarm|   |   |renewed            lost, goodbye, silence (alarm)
 *              nudge|   v   |                        |                  |
 *                  offline  renewing <--4401, 4409---+------------------+
 *                   ^  |        |                    |
 *                   |  +--------+--again, other 44xx-+--> refused
 *                   +-- 45xx, 1006, ... -------------+
 *   close leads from everywhere to closed.
 */

/** How long opening and greeting may take together. */
export const connectMs = 10_000
/** How long asking for a new session may take. */
export const renewMs = 15_000
/** A connection that held this long has proved itself: failures before it don't count any more. */
export const stableMs = 5_000
/** The longest time a server may ask a client to stay away. */
export const goodbyeMaxMs = 120_000

interface Idle {
  readonly kind: 'idle'
}
interface Connecting {
  readonly kind: 'connecting'
  /** Tries that have failed in a row. */
  readonly failures: number
  /** Whether the token is fresh from a renewal: a second refusal of it is final. */
  readonly renewed: boolean
  readonly alarmAt: number
  /** What the server said before closing. */
  readonly error: WireError | undefined
}
interface Renewing {
  readonly kind: 'renewing'
  readonly failures: number
  readonly alarmAt: number
}
interface Up<Kind> {
  readonly kind: Kind
  readonly failures: number
  readonly renewed: boolean
  /** When the server greeted us. */
  readonly since: number
  readonly heartbeatMs: number
  /** When the connection counts as dead unless something is heard before. */
  readonly alarmAt: number
  readonly error: WireError | undefined
}
interface Offline {
  readonly kind: 'offline'
  readonly failures: number
  readonly alarmAt: number
  /** The server named the time, so that hints of a better network don't shorten it. */
  readonly asked: boolean
}
interface Refused {
  readonly kind: 'refused'
  readonly error: WireError
}
interface Closed {
  readonly kind: 'closed'
}

export type ConnectionState =
  | Idle
  | Connecting
  | Renewing
  | Up<'catching-up'>
  | Up<'live'>
  | Offline
  | Refused
  | Closed

export type ConnectionEvent =
  /** The application wants a connection. `token`: whether there is one to show. */
  | { readonly kind: 'start'; readonly token: boolean }
  | { readonly kind: 'opened' }
  | { readonly kind: 'welcome'; readonly heartbeatMs: number; readonly settled: boolean }
  /** Something came from the server. */
  | { readonly kind: 'heard' }
  /** Whether every channel is up to date. */
  | { readonly kind: 'progress'; readonly settled: boolean }
  /** The server objects to the connection as a whole. */
  | { readonly kind: 'rejected'; readonly error: WireError }
  | { readonly kind: 'goodbye'; readonly retryMs: number }
  | { readonly kind: 'lost'; readonly code: number; readonly reason: string }
  | { readonly kind: 'alarm' }
  | { readonly kind: 'nudge' }
  | { readonly kind: 'renewed' }
  /** `final`: the server said no; otherwise it could not be asked. */
  | { readonly kind: 'not-renewed'; readonly final: boolean; readonly error: WireError }
  | { readonly kind: 'close' }

/** What the shell does after a step, in order. */
export type Effect =
  /** Open a transport. */
  | 'open'
  /** Close the transport, if there is one. */
  | 'drop'
  /** Send `hello` and the subscribes. */
  | 'greet'
  /** Ask for a new session. */
  | 'renew'

export type Step = readonly [ConnectionState, ...Effect[]]

export type StateOf<Kind> = Extract<ConnectionState, { kind: Kind }>
export type EventOf<Kind> = Extract<ConnectionEvent, { kind: Kind }>

/** One decision for every state and event; a missing cell does not compile. */
export type ConnectionTable = {
  readonly [S in ConnectionState['kind']]: {
    readonly [E in ConnectionEvent['kind']]: (
      state: StateOf<S>,
      event: EventOf<E>,
      now: number,
      random: number,
    ) => Step
  }
}

const stay = (state: ConnectionState): Step => [state]
const close = (): Step => [{ kind: 'closed' }, 'drop']

function connect(failures: number, renewed: boolean, now: number): Step {
  return [
    { kind: 'connecting', failures, renewed, alarmAt: now + connectMs, error: undefined },
    'drop',
    'open',
  ]
}

const start = (_: ConnectionState, event: EventOf<'start'>, now: number): Step =>
  event.token ? connect(0, false, now) : renew(0, now)

const renew = (failures: number, now: number): Step => [
  { kind: 'renewing', failures, alarmAt: now + renewMs },
  'drop',
  'renew',
]

const refuse = (error: WireError): Step => [{ kind: 'refused', error }, 'drop']

const wait = (failures: number, now: number, random: number): Step => [
  { kind: 'offline', failures: failures + 1, alarmAt: now + backoffMs(failures, random), asked: false },
  'drop',
]

/** Failures that count when a connection ends now. */
const failuresOf = (state: Connecting | Up<unknown> | Offline, now: number): number =>
  hasHeld(state, now) ? 0 : state.failures

const hasHeld = (state: Connecting | Up<unknown> | Offline, now: number): boolean =>
  'since' in state && now - state.since >= stableMs

function lost(
  state: Connecting | Up<'live'> | Up<'catching-up'>,
  event: Omit<EventOf<'lost'>, 'kind'>,
  now: number,
  random: number,
): Step {
  const { code, reason } = event
  const failures = failuresOf(state, now)
  const error = state.error ?? { code: reason || `close_${code}`, message: reason, retryable: false }
  // 4409: a copy of the page came with its session. Each goes on with one of its own.
  if (code === 4401 || code === 4409) {
    return state.renewed && !hasHeld(state, now) ? refuse(error) : renew(failures, now)
  }
  // 4408 (a hello that came too late) and 4429 (too fast) mend themselves with time.
  if (code >= 4400 && code < 4500 && code !== 4408 && code !== 4429) return refuse(error)
  return wait(failures, now, random)
}

function rejected(
  state: Connecting | Up<'live'> | Up<'catching-up'>,
  { error }: EventOf<'rejected'>,
  now: number,
  random: number,
): Step {
  const expired = error.code === 'session_expired' || error.code === 'unauthorized'
  if (!expired) return [{ ...state, error }]
  return lost({ ...state, error }, { code: 4401, reason: '' }, now, random)
}

function goodbye(
  state: Connecting | Up<unknown>,
  { retryMs }: EventOf<'goodbye'>,
  now: number,
  random: number,
): Step {
  // Spread over half to one and a half of what was asked, because everyone was asked the same.
  const afterMs = Math.min(retryMs, goodbyeMaxMs) * (0.5 + random)
  return [{ kind: 'offline', failures: failuresOf(state, now), alarmAt: now + afterMs, asked: true }, 'drop']
}

const overdue = (state: Up<'live'> | Up<'catching-up'> | Offline, _: ConnectionEvent, now: number): Step =>
  now < state.alarmAt ? [state] : connect(failuresOf(state, now), false, now)

const heard = (state: Up<'live'> | Up<'catching-up'>, _: ConnectionEvent, now: number): Step => [
  { ...state, alarmAt: now + 2 * state.heartbeatMs },
]

const progress = (state: Up<'live'> | Up<'catching-up'>, event: EventOf<'progress'>): Step => [
  { ...state, kind: event.settled ? 'live' : 'catching-up' },
]

const tooLate = (state: Connecting | Renewing, _: ConnectionEvent, now: number, random: number): Step =>
  now < state.alarmAt ? [state] : wait(state.failures, now, random)

const still = {
  start: stay,
  opened: stay,
  welcome: stay,
  heard: stay,
  progress: stay,
  rejected: stay,
  goodbye: stay,
  lost: stay,
  nudge: stay,
  alarm: stay,
  renewed: stay,
  'not-renewed': stay,
  close,
}
const startable = { ...still, start }
const up = { ...still, heard, progress, rejected, goodbye, lost, alarm: overdue, nudge: overdue }

export const connectionTable: ConnectionTable = {
  idle: startable,
  connecting: {
    ...still,
    opened: (state) => [state, 'greet'],
    welcome: (state, { heartbeatMs, settled }, now) => [
      {
        ...state,
        kind: settled ? 'live' : 'catching-up',
        since: now,
        heartbeatMs,
        alarmAt: now + 2 * heartbeatMs,
        error: undefined,
      },
    ],
    rejected,
    goodbye,
    lost,
    alarm: tooLate,
  },
  renewing: {
    ...still,
    alarm: tooLate,
    renewed: (state, _, now) => connect(state.failures, true, now),
    'not-renewed': (state, event, now, random) =>
      event.final ? refuse(event.error) : wait(state.failures, now, random),
  },
  'catching-up': up,
  live: up,
  offline: {
    ...startable,
    alarm: overdue,
    nudge: (state, _, now) => (state.asked ? [state] : connect(state.failures, false, now)),
  },
  refused: startable,
  closed: { ...still, close: stay },
}

/** The next state and what to do; a pure function of its arguments. `random` is spread over 0 to 1. */
export function decide(state: ConnectionState, event: ConnectionEvent, now: number, random: number): Step {
  // The table's own type pairs each cell with its state and event, which indexing by a union forgets.
  const cell = connectionTable[state.kind][event.kind] as (
    state: ConnectionState,
    event: ConnectionEvent,
    now: number,
    random: number,
  ) => Step
  return cell(state, event, now, random)
}
