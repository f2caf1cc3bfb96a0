/** How much later than its time something may be found due, in ms. */
export const grainMs = 100

/** When things end, in memory that only they take: each has one deadline, which may be moved at will. */
export class Deadlines<T> {
  readonly #buckets = new Map<number, Set<T>>()
  readonly #bucketOf = new Map<T, number>()
  #next = Number.POSITIVE_INFINITY

  /** When the next is due, ms since 1970; infinite where there is none. */
  get next(): number {
    return this.#next * grainMs
  }

  /** @param at ms since 1970; undefined: it has none */
  set(item: T, at: number | undefined): void {
    this.delete(item)
    if (at === undefined) return
    const number = Math.ceil(at / grainMs)
    const bucket = this.#buckets.get(number) ?? new Set()
    this.#buckets.set(number, bucket.add(item))
    this.#bucketOf.set(item, number)
    this.#next = Math.min(this.#next, number)
  }

  delete(item: T): void {
    const number = this.#bucketOf.get(item)
    if (number === undefined) return
    this.#bucketOf.delete(item)
    const bucket = this.#buckets.get(number)
    bucket?.delete(item)
    if (bucket?.size === 0) this.#drop(number)
  }

  /** Takes one that is due, the earliest first; undefined: none is. */
  takeDue(now: number): T | undefined {
    if (this.next > now) return undefined
    const [item] = this.#buckets.get(this.#next) ?? []
    if (item !== undefined) this.delete(item)
    return item
  }

  /** There are as many buckets as the longest deadline has grains, at most. */
  #drop(number: number): void {
    this.#buckets.delete(number)
    if (number !== this.#next) return
    this.#next = Number.POSITIVE_INFINITY
    for (const other of this.#buckets.keys()) this.#next = Math.min(this.#next, other)
  }
}
