import { channelLengthMax, encodeSegment, joinKey } from '@lockstep/protocol'
import type { Collection, CollectionChannel, Sync } from '../definition/definition.ts'
import type { Tuple } from '../source/source.ts'
import type { ShownColumns } from './net-changes.ts'

/** What the router works out once per collection. */
export interface CollectionPlan {
  readonly collection: Collection
  /** `{"items":{`: begins the changes of a channel */
  readonly opening: Buffer
  /** `,"items":{`: goes on after another collection */
  readonly furtherOpening: Buffer
  readonly routes: readonly ChannelRoute[]
  /** Columns that decide key and channels. */
  readonly identity: readonly number[]
  /** The different sets of columns that views show. */
  readonly shownColumns: readonly ShownColumns[]
  /** Per view: its place in `shownColumns`, or -1 where it shows nothing. */
  readonly shownOf: readonly number[]
}

export function planOf(collection: Collection, sync: Sync): CollectionPlan {
  const views = Array.from({ length: sync.viewCount }, (_, view) => collection.views[view])
  const sets = new Map<string, readonly number[]>()
  for (const columns of views) if (columns !== undefined) sets.set(columns.join(), columns)
  const places = [...sets.keys()]
  return {
    collection,
    opening: Buffer.from(`{${JSON.stringify(collection.name)}:{`),
    furtherOpening: Buffer.from(`,${JSON.stringify(collection.name)}:{`),
    routes: collection.channels.map((channel) => new ChannelRoute(channel)),
    identity: rising([...collection.key, ...collection.channels.flatMap(({ columns }) => columns)]),
    shownColumns: [...sets.values()].map((columns) => ({
      columns,
      names: columns.map((column) => Buffer.from(`,${JSON.stringify(collection.columns[column])}:`)),
    })),
    shownOf: views.map((columns) => (columns === undefined ? -1 : places.indexOf(columns.join()))),
  }
}

function rising(columns: readonly number[]): readonly number[] {
  return [...new Set(columns)].sort((a, b) => a - b)
}

/** Gives the channel that one template makes of a row. Remembers the last one: rows come in runs. */
export class ChannelRoute {
  readonly #pieces: readonly (string | number)[]
  /** The column, where the template has exactly one. */
  readonly #only: number | undefined
  #lastText: string | undefined
  #lastChannel: string | undefined
  #lastChannels: readonly string[] = []

  constructor({ template, columns }: CollectionChannel) {
    let parameter = 0
    const pieces: (string | number)[] = []
    template.segments.forEach((segment, i) => {
      if (i > 0) pieces.push('/')
      const column = segment.kind === 'parameter' ? columns[parameter++] : undefined
      pieces.push(segment.kind === 'fixed' ? segment.text : (column ?? 0))
    })
    this.#pieces = pieces
    this.#only = columns.length === 1 ? columns[0] : undefined
  }

  /** Undefined: the row is in no such channel, since a value is null or empty or the name too long. */
  channelOf(row: RowText): string | undefined {
    if (this.#only === undefined) return this.#fill(row)
    const text = row.text(this.#only)
    if (text === null) return undefined
    if (text !== this.#lastText) {
      this.#lastChannel = this.#fill(row)
      this.#lastChannels = this.#lastChannel === undefined ? [] : [this.#lastChannel]
      this.#lastText = text
    }
    return this.#lastChannel
  }

  /** The same as a list: the one channel, or none. */
  channelsOf(row: RowText): readonly string[] {
    const channel = this.channelOf(row)
    if (channel !== undefined && channel === this.#lastChannel) return this.#lastChannels
    return channel === undefined ? [] : [channel]
  }

  #fill(row: RowText): string | undefined {
    let channel = ''
    for (const piece of this.#pieces) {
      if (typeof piece === 'string') channel += piece
      else {
        const text = row.text(piece)
        if (text === null || text === '') return undefined
        channel += encodeSegment(text)
      }
    }
    return channel.length > channelLengthMax ? undefined : channel
  }
}

export type RowText = Pick<Tuple, 'text'>

/** The row's key; undefined where a part is null: such a row cannot be told from others and is in no channel. */
export function keyOf(key: readonly number[], row: Pick<Tuple, 'keyText'>): string | undefined {
  const [only] = key
  if (key.length === 1 && only !== undefined) return row.keyText(only) ?? undefined
  const parts: string[] = []
  for (const column of key) {
    const text = row.keyText(column)
    if (text === null) return undefined
    parts.push(text)
  }
  return joinKey(parts)
}
