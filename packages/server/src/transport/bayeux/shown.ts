import type { Encoded, Target } from './mapping.ts'
import type { Parcel } from './parcel.ts'

/** A Bayeux channel of a client that shows one of the hub's. */
export interface Shown {
  readonly target: Target
  /** Subscriptions of the client that match it. */
  readonly patterns: Set<string>
  /** Everything up to here was delivered, or was before the subscription. */
  after: number
}

/** One of the hub's channels, and what a client shows of it. */
export class HubChannel {
  // First what every delivery looks at: it lies together in memory, of which a thousand clients touch much.
  readonly name: string
  /** Everything up to here was delivered of the hub's channel. */
  lsn = 0
  /** What is shown where that is one thing alone, as with most clients, and its `after`. */
  #only: Target | undefined
  #after = 0
  #shown: readonly Shown[] = []
  reset: string | undefined

  constructor(name: string) {
    this.name = name
  }

  get shown(): readonly Shown[] {
    return this.#shown
  }

  find(name: string): Shown | undefined {
    return this.#shown.find(({ target }) => target.name === name)
  }

  /** Shows a target from a position on, for a subscription; `again` also where it is shown already. */
  show(target: Target, pattern: string, after: number, again: boolean): void {
    this.#settle()
    const known = this.find(target.name)
    if (known === undefined) {
      this.#change([...this.#shown, { target, patterns: new Set([pattern]), after }])
      return
    }
    known.patterns.add(pattern)
    if (again) known.after = after
    this.#change(this.#shown)
  }

  /** Takes a subscription back; what no other one shows is not shown any more. */
  hide(pattern: string): void {
    this.#settle()
    this.#change(this.#shown.filter(({ patterns }) => !patterns.delete(pattern) || patterns.size > 0))
  }

  /** The hub starts anew, at a position. */
  restart(lsn: number): void {
    this.lsn = lsn
    for (const shown of this.#shown) shown.after = lsn
    this.#change(this.#shown)
  }

  /** What there is to tell of a transaction, to what has not had it yet. */
  transaction(transaction: Encoded): readonly Parcel[] {
    const { lsn } = transaction
    if (lsn > this.lsn) this.lsn = lsn
    if (this.#only !== undefined) {
      if (lsn <= this.#after) return nothing
      this.#after = lsn
      return transaction.parcelsFor(this.#only)
    }
    return this.#shown.flatMap((shown) => {
      if (shown.after >= lsn) return nothing
      shown.after = lsn
      return transaction.parcelsFor(shown.target)
    })
  }

  #settle(): void {
    const [first] = this.#shown
    if (this.#only !== undefined && first !== undefined) first.after = this.#after
  }

  #change(shown: readonly Shown[]): void {
    this.#shown = shown
    const [first] = shown
    const isOne = shown.length === 1 && first !== undefined
    this.#only = isOne ? first.target : undefined
    this.#after = isOne ? first.after : 0
  }
}

const nothing: readonly Parcel[] = []
