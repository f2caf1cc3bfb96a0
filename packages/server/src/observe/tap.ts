import type { ResetReason } from '@lockstep/protocol'
import type { Collection } from '../definition/definition.ts'
import { keyOf } from '../routing/plan.ts'
import { readWriterMessage } from '../routing/writer-message.ts'
import type { RowEvent, SourceSink, Tuple } from '../source/source.ts'

/** A commit as far as observers are concerned. */
export interface TappedCommit {
  readonly lsn: number
  readonly at: number
  readonly session: string | undefined
  readonly mutation: string | undefined
  /** Channel, and JSON text of operation and envelope. */
  readonly operations: readonly { readonly channel: string; readonly text: string }[]
  readonly changes: ReadonlyMap<Collection, TappedChanges>
}

export interface TappedChanges {
  /** In UTF-16 units. */
  size: number
  list: TappedChange[]
  /** The changes cannot be told; the list is empty. */
  reset: ResetReason | undefined
}

/** Rows as JSON text: a tuple is only good during the call. */
export interface TappedChange {
  readonly event: RowEvent
  readonly key: string
  readonly row: string | undefined
  readonly before: string | undefined
}

/** Where the tap's commits go. */
export interface Tapped {
  wants(collection: Collection): boolean
  readonly changesSizeMax: number
  commit(commit: TappedCommit): void
  /** Everything up to here has been told. */
  progress(lsn: number): void
  epoch(epoch: string, lsn: number): void
}

/** Passes the stream on, and tells observers the rows of the collections that they want. */
export class Tap implements SourceSink {
  readonly #next: SourceSink
  readonly #to: Tapped
  #lsn = 0
  #at = 0
  #messages: string[] = []
  #changes = new Map<Collection, TappedChanges>()

  constructor(next: SourceSink, to: Tapped) {
    this.#next = next
    this.#to = to
  }

  begin(xid: number, lsn: number, at: number): void {
    this.#next.begin(xid, lsn, at)
    this.#clear()
    this.#lsn = lsn
    this.#at = at
  }

  change(collection: Collection, before: Tuple | null, after: Tuple | null, event: RowEvent): void {
    this.#next.change(collection, before, after, event)
    if (!this.#to.wants(collection)) return
    const changes = this.#changesOf(collection)
    if (changes.reset !== undefined) return
    const change = tappedChange(collection, before, after, event)
    if (change === undefined) return
    changes.list.push(change)
    changes.size += (change.row?.length ?? 0) + (change.before?.length ?? 0) + changeSize
    if (changes.size > this.#to.changesSizeMax) this.#reset(collection, 'too_large')
  }

  truncate(collection: Collection): void {
    this.#next.truncate(collection)
    if (this.#to.wants(collection)) this.#reset(collection, 'truncated')
  }

  untold(collection: Collection): void {
    this.#next.untold(collection)
    if (this.#to.wants(collection)) this.#reset(collection, 'too_large')
  }

  message(content: string): void {
    this.#next.message(content)
    if (this.#messages.length < messagesMax) this.#messages.push(content)
  }

  commit(): void {
    this.#next.commit()
    if (this.#changes.size > 0) {
      const changes = this.#changes
      this.#to.commit({ lsn: this.#lsn, at: this.#at, ...this.#writer(), changes })
    }
    this.#to.progress(this.#lsn)
    this.#clear()
  }

  progress(lsn: number): void {
    this.#next.progress(lsn)
    this.#to.progress(lsn)
  }

  epoch(epoch: string, lsn: number): void {
    this.#next.epoch(epoch, lsn)
    this.#clear()
    this.#to.epoch(epoch, lsn)
  }

  /** Read only for commits that somebody observes. What is wrong with a message the router has told. */
  #writer(): Pick<TappedCommit, 'session' | 'mutation' | 'operations'> {
    let session: string | undefined
    let mutation: string | undefined
    const operations: { channel: string; text: string }[] = []
    for (const content of this.#messages) {
      const message = readWriterMessage(content)
      if (typeof message === 'string') continue
      session = message.session ?? session
      mutation = message.mutation ?? mutation
      operations.push(...message.operations)
    }
    return { session, mutation, operations }
  }

  #changesOf(collection: Collection): TappedChanges {
    let changes = this.#changes.get(collection)
    if (changes === undefined) {
      changes = { size: 0, list: [], reset: undefined }
      this.#changes.set(collection, changes)
    }
    return changes
  }

  #reset(collection: Collection, reason: ResetReason): void {
    this.#changes.set(collection, { size: 0, list: [], reset: reason })
  }

  #clear(): void {
    if (this.#changes.size > 0) this.#changes = new Map()
    if (this.#messages.length > 0) this.#messages = []
  }
}

/** What a change costs beside its texts. */
const changeSize = 100
/** Messages of one transaction that are looked at. */
const messagesMax = 1_000

function tappedChange(
  collection: Collection,
  before: Tuple | null,
  after: Tuple | null,
  event: RowEvent,
): TappedChange | undefined {
  const version = after ?? before
  if (version === null) return undefined
  const other = after === null ? null : before
  const key = keyOf(collection.key, {
    keyText: (column) => (version.has(column) ? version : (other ?? version)).keyText(column),
  })
  if (key === undefined) return undefined
  return {
    event,
    key,
    row: after === null ? undefined : rowText(collection, after, before),
    before: before === null ? undefined : rowText(collection, before, null),
  }
}

/** The row as JSON, with what the version does not hold (a large value that did not change) from the other. */
function rowText(collection: Collection, version: Tuple, other: Tuple | null): string {
  let text = ''
  collection.columns.forEach((name, column) => {
    const from = version.has(column) ? version : other?.has(column) ? other : undefined
    if (from === undefined) return
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${from.json(column)}`
  })
  return `{${text}}`
}
