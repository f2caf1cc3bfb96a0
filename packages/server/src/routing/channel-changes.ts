import type { ResetReason } from '@lockstep/protocol'
import { NetChanges, type Values } from './net-changes.ts'
import type { CollectionPlan } from './plan.ts'
import type { RoutedChannel } from './routing.ts'

/** What one commit did to one channel, while it is gathered. */
export class ChannelChanges {
  readonly channel: string
  /** JSON text gathered, in UTF-16 units: what the bound on a transaction counts. */
  size = 0
  /** Per collection, one for each set of columns that views show of it. */
  readonly #collections = new Map<CollectionPlan, readonly NetChanges[]>()
  #operations = ''
  #reset: ResetReason | undefined

  constructor(channel: string) {
    this.channel = channel
  }

  get isReset(): boolean {
    return this.#reset !== undefined
  }

  create(plan: CollectionPlan, key: string, values: Values): void {
    for (const changes of this.#changesOf(plan)) changes.create(key, values)
  }

  update(plan: CollectionPlan, key: string, values: Values): void {
    for (const changes of this.#changesOf(plan)) changes.update(key, values)
  }

  destroy(plan: CollectionPlan, key: string): void {
    for (const changes of this.#changesOf(plan)) changes.destroy(key)
  }

  /** Takes the JSON text of one operation. */
  addOperation(text: string): void {
    this.#operations += this.#operations === '' ? text : `,${text}`
  }

  /** Gives up telling the changes and frees what was gathered; returns how much that was. */
  reset(reason: ResetReason): number {
    const freed = this.size
    this.#reset ??= reason
    this.#collections.clear()
    this.#operations = ''
    this.size = 0
    return freed
  }

  /** Undefined where nothing is to be told. */
  routed(viewCount: number): RoutedChannel | undefined {
    const { channel } = this
    if (this.#reset !== undefined) {
      return { channel, views: new Array<undefined>(viewCount).fill(undefined), reset: this.#reset }
    }
    const views = this.#viewTexts(viewCount)
    if (this.#operations !== '') return { channel, views, operations: `[${this.#operations}]` }
    return views.some((text) => text !== undefined) ? { channel, views } : undefined
  }

  #changesOf(plan: CollectionPlan): readonly NetChanges[] {
    let changes = this.#collections.get(plan)
    if (changes === undefined) {
      changes = plan.shownColumns.map((shown) => new NetChanges(shown))
      this.#collections.set(plan, changes)
    }
    return changes
  }

  #viewTexts(viewCount: number): (string | undefined)[] {
    const texts = new Array<string | undefined>(viewCount).fill(undefined)
    for (const [plan, changes] of this.#collections) {
      const told = changes.map((each) => each.text())
      for (let view = 0; view < viewCount; view++) {
        const text = told[plan.shownOf[view] ?? -1]
        if (text === undefined || text === '') continue
        const collection = `${plan.opening}${text}}`
        texts[view] = texts[view] === undefined ? `{${collection}` : `${texts[view]},${collection}`
      }
    }
    return texts.map((text) => text && `${text}}`)
  }
}
