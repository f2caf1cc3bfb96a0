import type { Client } from '@lockstep/client'
import {
  type ChannelLocks,
  type Lock,
  LockError,
  type LockOptions,
  type LockQuestion,
  locksOf,
  type ShownLock,
} from '@lockstep/client/locks'
import { Keyed } from './keyed.ts'
import type { Pending } from './pending.ts'
import type { Questions } from './questions.ts'

export type Doing = 'editing' | 'moving'

/** The longest that a lock can be waited for, in ms. */
const waitMs = 120_000

/** How long a holder is given to answer, in ms. */
export const answerMs = 30_000

interface Claim {
  readonly doing: Doing
  /** Drafts, drags and questions that need it. */
  uses: number
  /** Ends the lock, or the wait for it. */
  ending: AbortController
  /** Who gets it from this page. */
  heir: LockQuestion | undefined
}

/**
 * Who works on what: by row, `items/17`, the locks that others hold; and the locks that this page takes for
 * them to see. Locks tell and do not forbid: where somebody else has one, this page's comes when that is gone.
 * A lock outlasts the writes that it was for: who sees it go sees what became of the row.
 */
export class Claims extends Keyed<ShownLock> {
  #locks: ChannelLocks | undefined
  readonly #own = new Map<string, Claim>()
  readonly #pending: Pending
  readonly #questions: Questions

  constructor(pending: Pending, questions: Questions) {
    super()
    this.#pending = pending
    this.#questions = questions
  }

  watch<S>(client: Client<S>, channel: string): () => void {
    const locks = locksOf(client, channel)
    this.#locks = locks
    const show = (): void => {
      const all = locks.all()
      for (const resource of this.keys()) {
        if (all.get(resource)?.isOwn !== false) this.set(resource, undefined)
      }
      for (const [resource, lock] of all) {
        const known = this.get(resource)
        const same = known?.token === lock.token && known.doing === lock.doing
        if (!lock.isOwn && !same) this.set(resource, lock)
      }
    }
    show()
    return locks.subscribe(show)
  }

  take(resource: string, doing: Doing): void {
    const known = this.#own.get(resource)
    if (known !== undefined) known.uses++
    else void this.#acquire(resource, this.#begin(resource, doing), { waitMs })
  }

  release(resource: string): void {
    const claim = this.#own.get(resource)
    if (claim === undefined) return
    claim.uses--
    void this.#settle(resource, claim)
  }

  /** How many drafts, drags and questions of this page need the row. */
  uses(resource: string): number {
    return this.#own.get(resource)?.uses ?? 0
  }

  /**
   * Asks who holds the row to let go. Resolves with whether this page has it: then until `release`. `signal` ends
   * the asking.
   */
  async ask(resource: string, signal: AbortSignal): Promise<boolean> {
    const known = this.#own.get(resource)
    if (known !== undefined) known.uses++
    const claim = known ?? this.#begin(resource, 'editing')
    const withdraw = (): void => claim.ending.abort()
    const asking = this.#acquire(resource, claim, { waitMs: answerMs, ask: true })
    signal.addEventListener('abort', withdraw)
    const given = await asking
    signal.removeEventListener('abort', withdraw)
    if (given) return true
    claim.uses--
    if (claim.uses > 0) void this.#acquire(resource, claim, { waitMs })
    else this.#own.delete(resource)
    return false
  }

  /** Lets somebody else have the row, once all that this page writes to it has been saved. */
  yield(resource: string, heir: LockQuestion): void {
    const claim = this.#own.get(resource)
    if (claim === undefined) return
    claim.heir = heir
    void this.#settle(resource, claim)
  }

  #begin(resource: string, doing: Doing): Claim {
    const claim = { doing, uses: 1, ending: new AbortController(), heir: undefined }
    this.#own.set(resource, claim)
    return claim
  }

  async #acquire(resource: string, claim: Claim, patience: LockOptions): Promise<boolean> {
    // Where it waits in the queue already, this takes the place of that.
    claim.ending.abort()
    claim.ending = new AbortController()
    const { signal } = claim.ending
    let lock: Lock | undefined
    try {
      lock = await this.#locks?.lock(resource, { doing: claim.doing, signal, ...patience })
    } catch (error) {
      // Others are not told then; what one writes is written all the same.
      if (!(error instanceof LockError)) throw error
    }
    if (lock === undefined) return false
    lock.on('asked', (question) => this.#questions.add(resource, question))
    for (const end of ['released', 'lost'] as const) {
      lock.on(end, () => this.#questions.set(resource, undefined))
    }
    lock.on('lost', () => {
      // Somebody took it while this page was cut off. Who still writes is shown again when they are done.
      const isNeeded = this.#own.get(resource) === claim && !signal.aborted
      if (isNeeded) void this.#acquire(resource, claim, { waitMs })
    })
    return true
  }

  /** Ends a claim that is of no use any more, or hands it on, when the writes that it was for have ended. */
  async #settle(resource: string, claim: Claim): Promise<void> {
    await this.#pending.none(resource)
    if (this.#own.get(resource) !== claim) return
    const { heir } = claim
    claim.heir = undefined
    heir?.answer(true)
    if (claim.uses <= 0) {
      this.#own.delete(resource)
      claim.ending.abort()
    } else if (heir !== undefined) {
      // A draft that could not be saved stays, and waits its turn.
      void this.#acquire(resource, claim, { waitMs })
    }
  }
}
