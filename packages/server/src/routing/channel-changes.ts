import type { ResetReason } from '@lockstep/protocol'
import { NetChanges } from './net-changes.ts'
import type { CollectionPlan } from './plan.ts'
import type { RoutedChannel } from './routing.ts'

/** What one commit did to one channel, while it is gathered. */
export class ChannelChanges {
  readonly channel: string
  /** JSON text gathered, in UTF-16 units: what the bound on a transaction counts. */
  size = 0
  readonly #collections = new Map<CollectionPlan, NetChanges>()
  #operations = ''
  #reset: ResetReason | undefined

  constructor(channel: string) {
    this.channel = channel
  }

  get isReset(): boolean {
    return this.#reset !== undefined
  }

  changesOf(plan: CollectionPlan): NetChanges {
    let changes = this.#collections.get(plan)
    if (changes === undefined) {
      changes = new NetChanges(plan)
      this.#collections.set(plan, changes)
    }
    return changes
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
    if (this.#reset !== undefined)
      return { channel, views: new Array<undefined>(viewCount).fill(undefined), reset: this.#reset }
    const views = this.#viewTexts(viewCount)
    if (this.#operations !== '') return { channel, views, operations: `[${this.#operations}]` }
    return views.some((text) => text !== undefined) ? { channel, views } : undefined
  }

  #viewTexts(viewCount: number): (string | undefined)[] {
    const texts = new Array<string>(viewCount).fill('')
    for (const [plan, changes] of this.#collections) {
      const own: string[] = []
      for (let view = 0; view < viewCount; view++) {
        const same = plan.sameAs[view] ?? view
        const text = same < view ? (own[same] ?? '') : changes.text(view)
        own.push(text)
        const before = texts[view] ?? ''
        if (text !== '') texts[view] = before === '' ? text : `${before},${text}`
      }
    }
    return texts.map((text) => (text === '' ? undefined : `{${text}}`))
  }
}
