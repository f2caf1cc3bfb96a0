import { LockstepError, type Operation } from '@lockstep/protocol'
import type { Logger } from '../runtime/logger.ts'
import { Rising } from '../runtime/rising.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { SessionAnswer, SessionEvent, SessionHook } from './event.ts'
import type { LifeEffect } from './life.ts'
import type { Session } from './session.ts'

/** Events of one session that wait for the application: as many as a client may ask for channels, and again. */
const waitingMax = 2_000

/** What a session's events wait for: the one before. */
interface Turn {
  waiting: number
  last: Promise<unknown>
}

/** Tells the application of sessions: one event of a session at a time, in order, each in bounded time. */
export class SessionTeller {
  readonly #hook: SessionHook | undefined
  readonly #runtime: Runtime
  readonly #logger: Logger
  readonly #hookMs: number
  readonly #numbers: Rising
  readonly #turns = new Map<string, Turn>()

  /** `numbers`: where events are numbered from. */
  constructor(
    hook: SessionHook | undefined,
    parts: { runtime: Runtime; logger: Logger; hookMs: number; numbers?: Rising | undefined },
  ) {
    this.#numbers = parts.numbers ?? new Rising()
    this.#hook = hook
    this.#runtime = parts.runtime
    this.#logger = parts.logger
    this.#hookMs = parts.hookMs
  }

  /** Whether there is anybody to tell. */
  get listens(): boolean {
    return this.#hook !== undefined
  }

  /** Whether the application is so far behind with a session that nothing more of it may begin. */
  isBehind(session: string): boolean {
    return (this.#turns.get(session)?.waiting ?? 0) >= waitingMax
  }

  /** What has happened to a session, for good. */
  tell(session: Session, kind: LifeEffect): void {
    if (this.#hook === undefined) return
    const event = { kind, ...this.#facts(session) }
    void this.#inTurn(session.id, () => this.#call(event))
  }

  /** What the application has for a subscriber, or why it may not be one: `no_channel`, `unavailable`. */
  async askSubscribe(session: Session, channel: string): Promise<readonly Operation[] | LockstepError> {
    if (this.#hook === undefined) return []
    if (this.isBehind(session.id)) return new LockstepError('unavailable')
    const { issuedAt } = session
    const event = { kind: 'subscribe', channel, issuedAt, ...this.#facts(session) } as const
    const answer = await this.#inTurn(session.id, () => this.#call(event))
    if (answer instanceof LockstepError) return answer
    if (answer === false) return new LockstepError('no_channel')
    return typeof answer === 'object' ? answer.operations : []
  }

  /** Resolves when the application has been told of everything so far, which takes bounded time. */
  async idle(): Promise<void> {
    await Promise.all([...this.#turns.values()].map(({ last }) => last))
  }

  #facts({ id, user }: Session): { session: string; user: Session['user']; number: number; at: number } {
    const at = this.#runtime.now()
    return { session: id, user, number: this.#numbers.next(at), at }
  }

  #inTurn<T>(session: string, run: () => Promise<T>): Promise<T> {
    const turn = this.#turns.get(session) ?? { waiting: 0, last: Promise.resolve() }
    this.#turns.set(session, turn)
    turn.waiting++
    const result = turn.last.then(run)
    turn.last = result.then(() => {
      if (--turn.waiting === 0) this.#turns.delete(session)
    })
    return result
  }

  /** Never rejects. */
  async #call(event: SessionEvent): Promise<SessionAnswer | LockstepError> {
    const late = Symbol('late')
    let timer: Timer | undefined
    const timeout = new Promise<typeof late>((resolve) => {
      timer = this.#runtime.timer(this.#hookMs, () => resolve(late))
    })
    try {
      const answer = await Promise.race([this.#hook?.(event), timeout])
      if (answer !== late) return answer
      this.#logger.error(`onSession took more than ${this.#hookMs} ms for "${event.kind}"`)
    } catch (error) {
      const name = error instanceof Error ? error.name : 'unknown'
      this.#logger.error(`onSession failed for "${event.kind}": ${name}`)
    } finally {
      timer?.cancel()
    }
    return new LockstepError('unavailable', 'The application could not be asked; try again.')
  }
}
