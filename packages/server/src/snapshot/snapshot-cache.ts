import type { Runtime } from '../runtime/runtime.ts'
import type { CachedSnapshot } from './cached.ts'

interface Cached {
  readonly snapshot: CachedSnapshot
  readonly usedAt: number
}

/** Snapshots by id, least recently used first out, bounded by bytes and by time since the last use. */
export class SnapshotCache {
  readonly #now: () => number
  readonly #bytesMax: number
  readonly #idleMs: number
  /** In order of use: a used one is put in anew at the end. */
  readonly #cached = new Map<string, Cached>()
  #bytes = 0

  constructor(runtime: Pick<Runtime, 'now'>, bounds: { readonly bytesMax: number; readonly idleMs: number }) {
    this.#now = () => runtime.now()
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
      this.#cached.set(id, { snapshot: cached.snapshot, usedAt: this.#now() })
    }
    this.#evict()
    return cached?.snapshot
  }

  set(id: string, snapshot: CachedSnapshot): void {
    this.delete(id)
    this.#cached.set(id, { snapshot, usedAt: this.#now() })
    this.#bytes += snapshot.bytes
    this.#evict()
  }

  delete(id: string): void {
    const cached = this.#cached.get(id)
    if (cached === undefined) return
    this.#cached.delete(id)
    this.#bytes -= cached.snapshot.bytes
  }

  /** Each look goes only as far as there is something to drop. */
  #evict(): void {
    const idle = this.#now() - this.#idleMs
    for (const [id, { usedAt }] of this.#cached) {
      if (this.#bytes <= this.#bytesMax && usedAt >= idle) return
      this.delete(id)
    }
  }
}
