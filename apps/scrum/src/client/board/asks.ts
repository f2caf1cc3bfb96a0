import { answerMs, type Claims } from './claims.ts'
import { Keyed } from './keyed.ts'

/** How it stands with a row that this page asked for. */
export type Asked =
  | 'asked'
  /** The holder would rather go on. */
  | 'kept'
  /** The holder said nothing. */
  | 'silent'
  /** It is this page's for a while: until something is written in it, or `reserveMs` are over. */
  | 'given'

/** How long a row that one was given is kept for one, in ms. */
const reserveMs = 30_000

/** An answer that comes this much before the end of the time is one, in ms. */
const silenceMs = 500

/** Rows that others work on and this page asked for, `items/17`. */
export class Asks extends Keyed<Asked> {
  readonly #claims: Claims
  readonly #asking = new Map<string, AbortController>()
  /** What ends the time and the watch over a row that was given. */
  readonly #reserves = new Map<string, () => void>()

  constructor(claims: Claims) {
    super()
    this.#claims = claims
  }

  /** Resolves with what became of it; undefined: it was taken back. */
  async ask(resource: string): Promise<Asked | undefined> {
    if (this.#asking.has(resource)) return undefined
    const asking = new AbortController()
    this.#asking.set(resource, asking)
    this.set(resource, 'asked')
    const since = performance.now()
    const isGiven = await this.#claims.ask(resource, asking.signal)
    this.#asking.delete(resource)
    if (asking.signal.aborted) {
      if (isGiven) this.#claims.release(resource)
      return undefined
    }
    if (!isGiven) return this.#refused(resource, performance.now() - since < answerMs - silenceMs)
    this.set(resource, 'given')
    // Who writes in it already needs nothing kept.
    if (this.#claims.uses(resource) > 1) {
      this.end(resource)
      return 'given'
    }
    const timer = setTimeout(() => this.end(resource), reserveMs)
    // Where it was handed on, or lost with the connection, it is not this page's any more.
    const stop = this.#claims.subscribe(resource, () => {
      if (this.#claims.get(resource) !== undefined) this.end(resource)
    })
    this.#reserves.set(resource, () => {
      clearTimeout(timer)
      stop()
    })
    return 'given'
  }

  /** Takes the question back, or lets go of what was given; a draft that was begun meanwhile keeps it. */
  end(resource: string): void {
    const isGiven = this.get(resource) === 'given'
    this.#asking.get(resource)?.abort()
    this.#reserves.get(resource)?.()
    this.#reserves.delete(resource)
    this.set(resource, undefined)
    if (isGiven) this.#claims.release(resource)
  }

  #refused(resource: string, isAnswered: boolean): Asked {
    const asked = isAnswered ? 'kept' : 'silent'
    this.set(resource, asked)
    // What one holder said is no news of the next.
    const stop = this.#claims.subscribe(resource, () => {
      stop()
      if (this.get(resource) === asked) this.set(resource, undefined)
    })
    return asked
  }
}
