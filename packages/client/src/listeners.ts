export type Report = (error: unknown) => void

/** A set of listeners that may change while it is being told, and of which one may throw. */
export class Listeners<Arguments extends readonly unknown[]> {
  readonly #entries = new Set<{ readonly listener: (...values: Arguments) => void }>()

  get size(): number {
    return this.#entries.size
  }

  /** Returns what removes it. The same function may be added twice. */
  add(listener: (...values: Arguments) => void): () => void {
    const entry = { listener }
    this.#entries.add(entry)
    return () => {
      this.#entries.delete(entry)
    }
  }

  /** Tells those that listen now and still listen when their turn comes. */
  tell(report: Report, ...values: Arguments): void {
    for (const entry of [...this.#entries]) {
      if (!this.#entries.has(entry)) continue
      try {
        entry.listener(...values)
      } catch (error) {
        report(error)
      }
    }
  }
}
