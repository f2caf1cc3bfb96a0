import { LockstepError } from '@lockstep/protocol'
import type { Sql } from 'postgres'
import type { Logger } from '../runtime/logger.ts'
import type { Rising } from '../runtime/rising.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { SessionAnswer, SessionEvent } from '../session/event.ts'
import { Backend } from './backend.ts'
import { type CallbackEvent, type CallbackOptions, defaultCallbackLimits } from './callback.ts'
import { Outbox } from './outbox.ts'
import { Slots } from './slots.ts'
import { CallbackStore, type OpenSession } from './store.ts'

export interface CallbackParts {
  readonly options: CallbackOptions
  readonly sql: Sql
  readonly slot: string
  /** How long a session outlives its connection, in ms. */
  readonly logoutMs: number
  readonly runtime: Runtime
  readonly logger: Logger
  /** Where events are numbered from. */
  readonly numbers: Rising
  /** Whether the session has come, or come back, to this process. */
  isKnown(session: string): boolean
}

/**
 * Tells the backend of the sessions that it let in: a `SessionHook` whose events outlive the process. What an
 * earlier process of the slot could not say is said by this one. @see docs/protocol.md A3
 */
export class Callbacks {
  readonly #parts: CallbackParts
  readonly #backend: Backend
  readonly #store: CallbackStore
  readonly #outbox: Outbox
  readonly #asking: Slots
  /** Sessions that the backend let in, with the number of the last event. */
  readonly #open = new Map<string, number>()
  #logouts: Timer | undefined

  /** @throws TypeError for an address or a secret that is none */
  constructor(parts: CallbackParts) {
    const { options, sql, slot, runtime, logger } = parts
    const limits = { ...defaultCallbackLimits, ...options.limits }
    this.#parts = parts
    const backend = new Backend({ options, limits, runtime })
    this.#backend = backend
    this.#asking = new Slots(limits.askingMax)
    this.#store = new CallbackStore(sql, slot)
    this.#outbox = new Outbox({
      limits,
      runtime,
      logger,
      tell: (event, attempt) => backend.tell(event, attempt),
      settled: (event) => this.#stored('taken', this.#store.taken(event)),
    })
  }

  /** Events that the backend has not taken yet. */
  get waiting(): number {
    return this.#outbox.waiting
  }

  /**
   * Goes on with what an earlier process left: its events, `disconnected` of sessions that it was killed with, and
   * `logged_out` of those that do not come back in time.
   */
  async start(): Promise<void> {
    const { runtime, logoutMs, numbers } = this.#parts
    const { sessions, events } = await this.#store.load()
    for (const event of events) this.#outbox.add(event)
    for (const open of sessions) {
      numbers.exceed(open.number)
      this.#open.set(open.session, open.number)
      if (open.connected) await this.#keep(this.#eventFor(open, 'disconnected'))
    }
    this.#logouts = runtime.timer(logoutMs, () => {
      for (const open of sessions) {
        if (this.#parts.isKnown(open.session) || !this.#open.has(open.session)) continue
        void this.#keep(this.#eventFor(open, 'logged_out'))
      }
    })
  }

  /** Hears of a session. @throws LockstepError `unavailable` where a subscribe could not be asked */
  async hear(event: SessionEvent): Promise<SessionAnswer> {
    const told: CallbackEvent = {
      kind: event.kind,
      session: event.session,
      user: String(event.user.id),
      number: event.number,
      at: event.at,
      ...(event.kind === 'subscribe' ? { channel: event.channel, issuedAt: event.issuedAt } : {}),
    }
    if (event.kind === 'subscribe') return this.#ask(told)
    // The backend does not know a session that it did not let in.
    if (!this.#open.has(event.session)) return
    await this.#keep(told)
  }

  /** Tries once more what waits; the rest is said by the next process. */
  async close(): Promise<void> {
    this.#logouts?.cancel()
    await this.#outbox.close()
  }

  async #ask(event: CallbackEvent): Promise<SessionAnswer> {
    // What happened before is told before: the backend's last word must be the newest.
    if (!(await this.#outbox.flush(event.session))) throw this.#unavailable('earlier events wait')
    const answer = await this.#asking.run(() => this.#backend.ask(event))
    if (answer.kind === 'refused') return false
    if (answer.kind === 'silent') throw this.#unavailable(answer.reason)
    await this.#store.opened(event)
    this.#open.set(event.session, event.number)
    return { operations: answer.operations }
  }

  /** In the database first; where that is out of reach, at least in memory. */
  async #keep(event: CallbackEvent): Promise<void> {
    if (event.kind === 'logged_out') this.#open.delete(event.session)
    else this.#open.set(event.session, event.number)
    await this.#stored('kept', this.#store.keep(event))
    this.#outbox.add(event)
  }

  async #stored(what: string, work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      const name = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
      this.#parts.logger.warn(`a callback was not ${what} in the database: ${name}`)
    }
  }

  /** An event that the session's own process did not live to tell: after all that it told, and before what comes now. */
  #eventFor({ session, user }: OpenSession, kind: 'disconnected' | 'logged_out'): CallbackEvent {
    const at = this.#parts.runtime.now()
    return { kind, session, user, number: this.#parts.numbers.next(at), at }
  }

  #unavailable(reason: string): LockstepError {
    this.#parts.logger.warn(`callback subscribe: ${reason}`)
    return new LockstepError('unavailable', 'The application could not be asked; try again.')
  }
}
