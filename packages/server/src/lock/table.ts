import { type ErrorCode, LockstepError } from '@lockstep/protocol'
import { Rising } from '../runtime/rising.ts'
import { Deadlines } from './deadlines.ts'
import type { Lock, LockClaim, LockQuestion, Place } from './lock.ts'

export interface LockBounds {
  /** Locks and waits of all sessions. */
  readonly locksMax: number
  /** Locks and waits of one session. */
  readonly locksPerSessionMax: number
  /** Sessions that wait for one lock. */
  readonly lockWaitersMax: number
}

/** What comes of a step, in order. A ticket stands for whoever awaits a `take`. */
export type LockEffect =
  | { readonly kind: 'granted'; readonly ticket: number; readonly lock: Lock }
  | { readonly kind: 'refused'; readonly ticket: number; readonly code: ErrorCode }
  | { readonly kind: 'changed'; readonly place: Place }
  | { readonly kind: 'asked'; readonly question: LockQuestion }

interface Waiter {
  readonly held: Held
  claim: LockClaim
  ticket: number
  until: number
}

interface Held {
  lock: Lock
  readonly waiters: Waiter[]
}

/** The state of all locks. Decides with the `now` it is given, and has neither timers nor promises. */
export class LockTable {
  /** Channel to resource to lock; Maps, so that any name is a plain one. */
  readonly #channels = new Map<string, Map<string, Held>>()
  /** Session to what it holds or waits for. */
  readonly #bySession = new Map<string, Set<Held>>()
  readonly #deadlines = new Deadlines<Held | Waiter>()
  /** One row of tokens for all places: then each place's rise, and nothing need be kept of a place that is free. */
  readonly #tokens: Rising
  readonly #bounds: LockBounds
  #held = 0
  #waiting = 0

  constructor(bounds: LockBounds, tokens: Rising = new Rising()) {
    this.#bounds = bounds
    this.#tokens = tokens
  }

  get size(): { held: number; waiting: number } {
    return { held: this.#held, waiting: this.#waiting }
  }

  /** When something will be due, ms since 1970. */
  get nextDueAt(): number {
    return this.#deadlines.next
  }

  current(channel: string, resources?: Iterable<string>): readonly Lock[] {
    const places = this.#channels.get(channel)
    if (places === undefined) return []
    const names = resources ?? places.keys()
    return [...names].flatMap((name) => places.get(name)?.lock ?? [])
  }

  ofUser(user: string): readonly Lock[] {
    const found: Lock[] = []
    for (const places of this.#channels.values()) {
      for (const { lock } of places.values()) if (String(lock.user.id) === user) found.push(lock)
    }
    return found
  }

  take(claim: LockClaim, ticket: number, now: number): LockEffect[] {
    const held = this.#find(claim)
    if (held === undefined) {
      const code = this.#boundOf(claim.session)
      return code === undefined ? this.#begin(claim, ticket, now) : [{ kind: 'refused', ticket, code }]
    }
    if (held.lock.session === claim.session) {
      held.lock = { ...held.lock, user: claim.user, by: claim.by, doing: claim.doing }
      this.#deadlines.set(held, leaseEnd(claim, now))
      return [
        { kind: 'changed', place: claim },
        { kind: 'granted', ticket, lock: held.lock },
      ]
    }
    return claim.waitMs > 0
      ? this.#wait(held, claim, ticket, now)
      : [{ kind: 'refused', ticket, code: 'lock_held' }]
  }

  /** @throws LockstepError `not_holder` */
  release(place: Place, session: string, now: number): LockEffect[] {
    const held = this.#find(place)
    if (held?.lock.session === session) return this.#handOver(held, now)
    const waiter = held?.waiters.find(({ claim }) => claim.session === session)
    if (waiter === undefined) throw new LockstepError('not_holder')
    return [this.#giveUp(waiter)]
  }

  /** @throws LockstepError `not_holder` */
  answer(place: Place, holder: string, asker: string, yields: boolean, now: number): LockEffect[] {
    const held = this.#find(place)
    if (held?.lock.session !== holder) throw new LockstepError('not_holder')
    const waiter = held.waiters.find(({ claim }) => claim.session === asker && claim.ask)
    // Who said yes has let go in any case, also where the one who asked does not wait any more.
    if (yields) return this.#handOver(held, now, waiter)
    return waiter === undefined ? [] : [this.#giveUp(waiter)]
  }

  leave(session: string, channel: string | undefined, now: number): LockEffect[] {
    const effects: LockEffect[] = []
    for (const held of [...(this.#bySession.get(session) ?? [])]) {
      if (channel !== undefined && held.lock.channel !== channel) continue
      effects.push(...this.release(held.lock, session, now))
    }
    return effects
  }

  /** Ends leases and waits that are over. */
  expire(now: number): LockEffect[] {
    const effects: LockEffect[] = []
    for (let due = this.#deadlines.takeDue(now); due !== undefined; due = this.#deadlines.takeDue(now)) {
      if ('waiters' in due) effects.push(...this.#handOver(due, now))
      else effects.push(this.#giveUp(due))
    }
    return effects
  }

  #find({ channel, resource }: Place): Held | undefined {
    return this.#channels.get(channel)?.get(resource)
  }

  #boundOf(session: string): ErrorCode | undefined {
    if ((this.#bySession.get(session)?.size ?? 0) >= this.#bounds.locksPerSessionMax) return 'too_many'
    return this.#held + this.#waiting >= this.#bounds.locksMax ? 'unavailable' : undefined
  }

  #begin(claim: LockClaim, ticket: number, now: number): LockEffect[] {
    const held: Held = { lock: this.#lockFor(claim, now), waiters: [] }
    const places = this.#channels.get(claim.channel) ?? new Map<string, Held>()
    this.#channels.set(claim.channel, places.set(claim.resource, held))
    this.#held++
    this.#note(claim.session, held)
    this.#deadlines.set(held, leaseEnd(claim, now))
    return [
      { kind: 'changed', place: claim },
      { kind: 'granted', ticket, lock: held.lock },
    ]
  }

  #wait(held: Held, claim: LockClaim, ticket: number, now: number): LockEffect[] {
    const until = now + claim.waitMs
    const same = held.waiters.find((waiter) => waiter.claim.session === claim.session)
    const effects: LockEffect[] = []
    if (same !== undefined) {
      // It asks anew, and keeps its place.
      effects.push({ kind: 'refused', ticket: same.ticket, code: 'lock_held' })
      Object.assign(same, { claim, ticket, until })
    } else {
      const code =
        held.waiters.length >= this.#bounds.lockWaitersMax ? 'too_many' : this.#boundOf(claim.session)
      if (code !== undefined) return [{ kind: 'refused', ticket, code }]
    }
    const waiter = same ?? { held, claim, ticket, until }
    if (same === undefined) {
      held.waiters.push(waiter)
      this.#waiting++
      this.#note(claim.session, held)
    }
    this.#deadlines.set(waiter, until)
    if (claim.ask) effects.push(askedBy(waiter, now))
    return effects
  }

  /** To `next`, by default whoever waits longest; with nobody there it is free. */
  #handOver(held: Held, now: number, next: Waiter | undefined = held.waiters[0]): LockEffect[] {
    this.#forget(held.lock.session, held)
    const place: Place = held.lock
    if (next === undefined) {
      this.#deadlines.delete(held)
      const places = this.#channels.get(place.channel)
      places?.delete(place.resource)
      if (places?.size === 0) this.#channels.delete(place.channel)
      this.#held--
      return [{ kind: 'changed', place }]
    }
    this.#endWait(next)
    held.lock = this.#lockFor(next.claim, now)
    this.#note(next.claim.session, held)
    this.#deadlines.set(held, leaseEnd(next.claim, now))
    return [
      { kind: 'changed', place },
      { kind: 'granted', ticket: next.ticket, lock: held.lock },
      // Who asked the last holder asks the new one.
      ...held.waiters.filter(({ claim }) => claim.ask).map((waiter) => askedBy(waiter, now)),
    ]
  }

  #giveUp(waiter: Waiter): LockEffect {
    this.#endWait(waiter)
    return { kind: 'refused', ticket: waiter.ticket, code: 'lock_held' }
  }

  #endWait(waiter: Waiter): void {
    const { waiters } = waiter.held
    waiters.splice(waiters.indexOf(waiter), 1)
    this.#deadlines.delete(waiter)
    this.#forget(waiter.claim.session, waiter.held)
    this.#waiting--
  }

  #lockFor({ channel, resource, session, user, by, doing }: LockClaim, now: number): Lock {
    return { channel, resource, session, user, by, doing, token: this.#tokens.next(now), at: now }
  }

  #note(session: string, held: Held): void {
    const all = this.#bySession.get(session) ?? new Set()
    this.#bySession.set(session, all.add(held))
  }

  #forget(session: string, held: Held): void {
    const all = this.#bySession.get(session)
    all?.delete(held)
    if (all?.size === 0) this.#bySession.delete(session)
  }
}

function leaseEnd({ leaseMs }: LockClaim, now: number): number | undefined {
  return leaseMs === undefined ? undefined : now + leaseMs
}

function askedBy({ held, claim, until }: Waiter, now: number): LockEffect {
  const { channel, resource, session, by, doing } = claim
  const holder = held.lock.session
  return {
    kind: 'asked',
    question: { channel, resource, holder, session, by, doing, waitMs: until - now },
  }
}
