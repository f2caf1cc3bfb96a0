import type { DialectChoice } from '../load/dialect.ts'

/** A server with subscribers of one channel, of some library or none, in a process of its own. */
export interface Contender {
  readonly port: number
  /** How `subscribers` more subscribers present themselves. */
  dialect(subscribers: number): DialectChoice
  /**
   * Hands `count` changes over in one turn of the event loop, each to be sent to every subscriber as a
   * message of its own.
   */
  send(count: number): void
  /** @throws Error when a bound was broken: a subscriber reset or left behind. */
  verify?(): void
  close(): Promise<void> | void
}

export type ContenderName =
  | 'bare'
  | 'bare16'
  | 'ws'
  | 'socket.io'
  | 'faye'
  | 'lockstep'
  | 'lockstep-bayeux'
  | 'lockstep-inspector'
  | 'lockstep-locks'
  | 'lockstep-presence'

/** The row that changes has the key 17 and gets this title at the n-th change. */
export function titleOf(n: number): string {
  return `backlog item number ${n % 10}`
}

/**
 * What everyone sends at the n-th change: the fields of Lockstep's message, which whoever wants to notice
 * a gap needs too. The peers put it into their own envelopes.
 */
export function messageOf(n: number): object {
  return {
    type: 'transaction',
    channel: 'project/1',
    position: `bench.${(4_096 + n * 64).toString(16)}`,
    prev: `bench.${(4_032 + n * 64).toString(16)}`,
    at: Date.now(),
    changes: { items: { update: { '17': { title: titleOf(n) } } } },
  }
}
