import type { HeldEntry } from './window.ts'

/** All entries of all windows from oldest to newest, so that the oldest go first whatever channel they are of. */
export class Recency {
  #oldest: HeldEntry | undefined
  #newest: HeldEntry | undefined

  get oldest(): HeldEntry | undefined {
    return this.#oldest
  }

  push(entry: HeldEntry): void {
    entry.older = this.#newest
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
  }

  /** Does nothing for an entry that is not in the list. */
  remove(entry: HeldEntry): void {
    if (entry.window === undefined) return
    if (entry.older === undefined) this.#oldest = entry.newer
    else entry.older.newer = entry.newer
    if (entry.newer === undefined) this.#newest = entry.older
    else entry.newer.older = entry.older
    // Readers may keep the entry: it must not keep its neighbours.
    entry.older = undefined
    entry.newer = undefined
    entry.window = undefined
  }
}
