import type { User } from '../../definition/definition.ts'
import type { BayeuxClient } from './client.ts'
import { delivery } from './mapping.ts'
import { isChannel, isGlob, matches, patternsOf } from './message.ts'

/** Who asks; null: nobody has signed in. */
export interface OpenRequest {
  readonly user: User | null
  /** A channel, or the glob of a subscription. */
  readonly channel: string
  /** What is published. */
  readonly data?: unknown
}

/** What an application lets clients do on channels of their own; both default to false. */
export interface OpenRule {
  readonly subscribe?: boolean | ((request: OpenRequest) => boolean | Promise<boolean>)
  readonly publish?: boolean | ((request: OpenRequest) => boolean | Promise<boolean>)
}

/** Channels that clients publish on themselves: not in the log, so nothing of them is replayed. */
export class OpenChannels {
  readonly #rules: readonly (readonly [string, OpenRule])[]
  readonly #subscribers = new Map<string, Set<BayeuxClient>>()

  /** @throws TypeError for a pattern that is none, or one of channels that have a meaning of their own */
  constructor(rules: Readonly<Record<string, OpenRule>>) {
    this.#rules = Object.entries(rules)
    for (const [pattern] of this.#rules) {
      if (!(isChannel(pattern) || isGlob(pattern)) || isReserved(pattern)) {
        throw new TypeError(`bayeux: "${pattern}" cannot be opened.`)
      }
    }
  }

  async allows(what: 'subscribe' | 'publish', request: OpenRequest): Promise<boolean> {
    for (const [pattern, rule] of this.#rules) {
      if (!covers(pattern, request.channel)) continue
      const answer = rule[what] ?? false
      if (typeof answer === 'function' ? (await answer(request)) === true : answer) return true
    }
    return false
  }

  add(pattern: string, client: BayeuxClient): void {
    const clients = this.#subscribers.get(pattern)
    if (clients === undefined) this.#subscribers.set(pattern, new Set([client]))
    else clients.add(client)
  }

  remove(pattern: string, client: BayeuxClient): void {
    const clients = this.#subscribers.get(pattern)
    if (clients?.delete(client) && clients.size === 0) this.#subscribers.delete(pattern)
  }

  /** To every subscriber once, however many of its subscriptions match. */
  publish(channel: string, data: unknown): void {
    const reached = new Set<BayeuxClient>()
    for (const pattern of patternsOf(channel)) {
      for (const client of this.#subscribers.get(pattern) ?? []) reached.add(client)
    }
    const parcel = delivery(channel, data)
    for (const client of reached) client.deliver([parcel])
  }
}

/** Whether all that `asked`, a channel or glob, matches is matched by `pattern`. */
function covers(pattern: string, asked: string): boolean {
  if (!isGlob(asked)) return matches(pattern, asked)
  if (!isGlob(pattern)) return false
  if (pattern === asked) return true
  return pattern.endsWith('/**') && asked.startsWith(pattern.slice(0, -2))
}

/** Channels that have a meaning of their own, and globs over them. */
export function isReserved(pattern: string): boolean {
  return /^\/(?:meta|service|sync|operations|\*\*?)(?:\/|$)/.test(pattern)
}
