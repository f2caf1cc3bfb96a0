import type { Client } from '@lockstep/client'
import { type ChannelLocks, LockError, locksOf, type ShownLock } from '@lockstep/client/locks'
import { Keyed } from './keyed.ts'

export type Doing = 'editing' | 'moving'

/** The longest that a lock can be waited for, in ms; then it is asked for again. */
const waitMs = 120_000

interface Claim {
  /** Drafts and drags that need it. */
  uses: number
  readonly ending: AbortController
}

/**
 * Who works on what: by row, `items/17`, the locks that others hold; and the locks that this page takes for
 * them to see. Locks tell and do not forbid: where somebody else has one, this page's comes when that is gone.
 */
export class Claims extends Keyed<ShownLock> {
  #locks: ChannelLocks | undefined
  readonly #own = new Map<string, Claim>()

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
    if (known !== undefined) {
      known.uses++
      return
    }
    const claim = { uses: 1, ending: new AbortController() }
    this.#own.set(resource, claim)
    void this.#hold(resource, doing, claim.ending.signal)
  }

  /** Has the lock whenever it can be had, until the signal: somebody may take it while this page is cut off. */
  async #hold(resource: string, doing: Doing, signal: AbortSignal): Promise<void> {
    while (this.#locks !== undefined && !signal.aborted) {
      try {
        const lock = await this.#locks.lock(resource, { doing, waitMs, signal })
        const isLost = await new Promise<boolean>((resolve) => {
          lock.on('lost', () => resolve(true))
          lock.on('released', () => resolve(false))
        })
        if (!isLost) return
      } catch (error) {
        if (!(error instanceof LockError)) throw error
        // Others are not told then; what one writes is written all the same.
        if (error.code !== 'lock_held') return
      }
    }
  }

  release(resource: string): void {
    const claim = this.#own.get(resource)
    if (claim === undefined || --claim.uses > 0) return
    this.#own.delete(resource)
    claim.ending.abort()
  }
}
