/*
 *   issued --hello--> connected --lost--> away --alarm--> gone
 *                      ^      |            |
 *                      |      +--close--+  |
 *                      +----hello----------+   close leads from everywhere to gone.
 */

/** Where a session stands. `issued`: its token is out, and nobody has come with it yet. */
export type LifeState =
  | { readonly kind: 'issued' }
  | { readonly kind: 'connected' }
  /** Without a connection. `logoutAt`: when it is logged out unless it comes back, ms since 1970. */
  | { readonly kind: 'away'; readonly logoutAt: number }
  | { readonly kind: 'gone' }

export type LifeEvent =
  /** A connection has shown the session's token. */
  | { readonly kind: 'hello' }
  /** The connection has ended, and no other has taken its place. */
  | { readonly kind: 'lost'; readonly logoutMs: number }
  | { readonly kind: 'alarm' }
  /** The server closes. */
  | { readonly kind: 'close' }

/** What others are told, in this order. */
export type LifeEffect = 'disconnected' | 'restored' | 'logged_out'

export type LifeStep = readonly [LifeState, ...LifeEffect[]]

type StateOf<Kind> = Extract<LifeState, { kind: Kind }>
type EventOf<Kind> = Extract<LifeEvent, { kind: Kind }>

/** One decision for every state and event; a missing cell does not compile. */
export type LifeTable = {
  readonly [S in LifeState['kind']]: {
    readonly [E in LifeEvent['kind']]: (state: StateOf<S>, event: EventOf<E>, now: number) => LifeStep
  }
}

const connected: LifeState = { kind: 'connected' }
const gone: LifeState = { kind: 'gone' }
const stay = (state: LifeState): LifeStep => [state]

export const lifeTable: LifeTable = {
  issued: { hello: () => [connected], lost: stay, alarm: stay, close: () => [gone] },
  connected: {
    // A newer connection takes the older one's place: the session was never without one.
    hello: stay,
    lost: (_, { logoutMs }, now) => [{ kind: 'away', logoutAt: now + logoutMs }, 'disconnected'],
    alarm: stay,
    close: () => [gone, 'disconnected'],
  },
  away: {
    hello: () => [connected, 'restored'],
    lost: stay,
    alarm: (state, _, now) => (now < state.logoutAt ? [state] : [gone, 'logged_out']),
    // It may yet come back, to the server that follows.
    close: () => [gone],
  },
  gone: { hello: stay, lost: stay, alarm: stay, close: stay },
}

/** The next state and what is told; a pure function of its arguments. */
export function decideLife(state: LifeState, event: LifeEvent, now: number): LifeStep {
  // The table's own type pairs each cell with its state and event, which indexing by a union forgets.
  const cell = lifeTable[state.kind][event.kind] as (
    state: LifeState,
    event: LifeEvent,
    now: number,
  ) => LifeStep
  return cell(state, event, now)
}
