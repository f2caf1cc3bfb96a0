import type { LogEntry } from '../log/log.ts'
import type { Subscription } from './subscription.ts'

/** Who gets the messages of one (channel, view). Order among subscribers means nothing. */
export class SubscriberList {
  readonly channel: string
  readonly view: number
  readonly subscribers: Subscription[] = []
  /** What this turn of the event loop has brought and `Fanout.flush` has not yet sent. */
  turn: LogEntry[] = []

  constructor(channel: string, view: number) {
    this.channel = channel
    this.view = view
  }

  add(subscription: Subscription): void {
    subscription.list = this
    subscription.index = this.subscribers.length
    this.subscribers.push(subscription)
  }

  remove(subscription: Subscription): void {
    const last = this.subscribers.pop()
    if (last !== undefined && last !== subscription) {
      this.subscribers[subscription.index] = last
      last.index = subscription.index
    }
    subscription.list = undefined
    subscription.index = -1
  }
}

/** All lists that have subscribers. */
export class SubscriberLists {
  readonly #lists: Map<string, SubscriberList>[] = []

  find(channel: string, view: number): SubscriberList | undefined {
    return this.#lists[view]?.get(channel)
  }

  /** Those of a channel, whatever they see of it. */
  of(channel: string): SubscriberList[] {
    return this.#lists.flatMap((lists) => lists?.get(channel) ?? [])
  }

  add(subscription: Subscription): void {
    let lists = this.#lists[subscription.view]
    if (lists === undefined) {
      lists = new Map()
      this.#lists[subscription.view] = lists
    }
    let list = lists.get(subscription.channel)
    if (list === undefined) {
      list = new SubscriberList(subscription.channel, subscription.view)
      lists.set(subscription.channel, list)
    }
    list.add(subscription)
  }

  remove(subscription: Subscription): void {
    const list = subscription.list
    if (list === undefined) return
    list.remove(subscription)
    if (list.subscribers.length === 0) this.#lists[list.view]?.delete(list.channel)
  }

  *[Symbol.iterator](): Generator<SubscriberList> {
    for (const lists of this.#lists) if (lists !== undefined) yield* lists.values()
  }
}
