import type { Target } from './mapping.ts'

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
  readonly name: string
  /** Everything up to here was delivered of the hub's channel. */
  lsn = 0
  /** What is shown where that is one thing alone, as with most clients: found without going through a list. */
  only: Shown | undefined
  /** What is shown, by name in `#byName`; the list is what a delivery walks through. */
  #list: readonly Shown[] = []
  readonly #byName = new Map<string, Shown>()
  reset: string | undefined

  constructor(name: string) {
    this.name = name
  }

  get shown(): readonly Shown[] {
    return this.#list
  }

  find(name: string): Shown | undefined {
    return this.#byName.get(name)
  }

  show(shown: Shown): void {
    this.#byName.set(shown.target.name, shown)
    this.#changed()
  }

  /** Takes a subscription back; what no other one shows is not shown any more. */
  hide(pattern: string): void {
    for (const { target, patterns } of this.#list) {
      if (patterns.delete(pattern) && patterns.size === 0) this.#byName.delete(target.name)
    }
    this.#changed()
  }

  #changed(): void {
    this.#list = [...this.#byName.values()]
    this.only = this.#list.length === 1 ? this.#list[0] : undefined
  }
}
