import type { ResetReason } from '@lockstep/protocol'
import { NetChanges } from './net-changes.ts'
import type { CollectionPlan } from './plan.ts'
import type { RoutedChannel } from './routing.ts'
import type { RowTexts } from './row-texts.ts'

interface CollectionChanges {
  readonly plan: CollectionPlan
  /** One for each set of columns that views show of it. */
  readonly changes: readonly NetChanges[]
}

/** What one commit did to one channel, while it is gathered. */
export class ChannelChanges {
  readonly channel: string
  /** JSON text gathered, in bytes: what the bound on a transaction counts. */
  size = 0
  #rows: RowTexts
  /** Few: a commit that touches many tables is rare, and one channel of it seldom has more than a few. */
  #collections: CollectionChanges[] | undefined
  #operations = ''
  #reset: ResetReason | undefined

  constructor(channel: string, rows: RowTexts) {
    this.channel = channel
    this.#rows = rows
  }

  get isReset(): boolean {
    return this.#reset !== undefined
  }

  /** `row`: number of the row's text for the first set of columns; those for the others follow it. */
  create(plan: CollectionPlan, key: string, row: number): void {
    let each = row
    for (const changes of this.#changesOf(plan)) changes.create(key, each++)
  }

  update(plan: CollectionPlan, key: string, row: number): void {
    let each = row
    for (const changes of this.#changesOf(plan)) changes.update(key, each++)
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
    this.#collections = undefined
    this.#operations = ''
    this.size = 0
    return freed
  }

  /** Goes on with `rows`, which gets the rows that are still told. */
  moveTo(rows: RowTexts): void {
    for (const { changes } of this.#collections ?? []) for (const each of changes) each.moveTo(rows)
    this.#rows = rows
  }

  /** Undefined where nothing is to be told. */
  routed(viewCount: number): RoutedChannel | undefined {
    const { channel } = this
    const views = new Array<readonly Buffer[] | undefined>(viewCount).fill(undefined)
    if (this.#reset !== undefined) return { channel, views, reset: this.#reset }
    let isTold = false
    for (let view = 0; view < viewCount; view++) {
      views[view] = this.#piecesOf(view)
      isTold ||= views[view] !== undefined
    }
    if (this.#operations !== '') return { channel, views, operations: `[${this.#operations}]` }
    return isTold ? { channel, views } : undefined
  }

  #changesOf(plan: CollectionPlan): readonly NetChanges[] {
    const collections = this.#collections
    if (collections !== undefined) for (const one of collections) if (one.plan === plan) return one.changes
    const changes = plan.shownColumns.map((shown) => new NetChanges(shown, this.#rows))
    if (collections === undefined) this.#collections = [{ plan, changes }]
    else collections.push({ plan, changes })
    return changes
  }

  #piecesOf(view: number): readonly Buffer[] | undefined {
    let pieces: Buffer[] | undefined
    for (const { plan, changes } of this.#collections ?? []) {
      const shown = changes[plan.shownOf[view] ?? -1]
      if (shown === undefined || shown.isEmpty) continue
      if (pieces === undefined) pieces = [plan.opening]
      else pieces.push(plan.furtherOpening)
      shown.addTo(pieces)
      pieces.push(closing)
    }
    pieces?.push(closing)
    return pieces
  }
}

const closing = Buffer.from('}')
