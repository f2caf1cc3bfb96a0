import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { CachedSnapshot } from './cached.ts'

interface Cached {
  readonly snapshot: CachedSnapshot
  readonly usedAt: number
}

/** Snapshots by id, least recently used first out, bounded by bytes and by time since the last use. */
export class SnapshotCache {
  readonly #runtime: Pick<Runtime, 'now' | 'timer'>
  readonly #bytesMax: number
  readonly #idleMs: number
  /** In order of use: a used one is put in anew at the end. */
  readonly #cached = new Map<string, Cached>()
  #bytes = 0

  #timer: Timer | undefined

  constructor(
    runtime: Pick<Runtime, 'now' | 'timer'>,
    bounds: { readonly bytesMax: number; readonly idleMs: number },
  ) {
    this.#runtime = runtime
    this.#bytesMax = bounds.bytesMax
    this.#idleMs = bounds.idleMs
  }

  get size(): number {
    return this.#cached.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get(id: string): CachedSnapshot | undefined {
    const cached = this.#cached.get(id)
    if (cached !== undefined) {
      this.#cached.delete(id)
      this.#cached.set(id, { snapshot: cached.snapshot, usedAt: this.#runtime.now() })
    }
    this.#evict()
    return cached?.snapshot
  }

  set(id: string, snapshot: CachedSnapshot): void {
    this.delete(id)
    this.#cached.set(id, { snapshot, usedAt: this.#runtime.now() })
    this.#bytes += snapshot.bytes
    this.#evict()
    this.#watch()
  }

  delete(id: string): void {
    const cached = this.#cached.get(id)
    if (cached === undefined) return
    this.#cached.delete(id)
    this.#bytes -= cached.snapshot.bytes
  }

  /** What nobody asks for goes also while nobody asks for anything. */
  #watch(): void {
    if (this.#timer !== undefined || this.#cached.size === 0) return
    this.#timer = this.#runtime.timer(this.#idleMs, () => {
      this.#timer = undefined
      this.#evict()
      this.#watch()
    })
  }

  /** Each look goes only as far as there is something to drop. */
  #evict(): void {
    const idle = this.#runtime.now() - this.#idleMs
    for (const [id, { usedAt }] of this.#cached) {
      if (this.#bytes <= this.#bytesMax && usedAt >= idle) return
      this.delete(id)
    }
  }
}
