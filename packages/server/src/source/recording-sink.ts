import type { Collection } from '../definition/definition.ts'
import type { RowEvent, SourceSink, Tuple } from './source.ts'

/** What a sink was told, for tests: committed transactions with their rows as JSON texts. */
export interface RecordedTransaction {
  readonly xid: number
  readonly lsn: number
  readonly at: number
  readonly events: RecordedEvent[]
}

export interface RecordedEvent {
  readonly kind: RowEvent | 'truncate' | 'untold' | 'message'
  /** Collection name, or the message. */
  readonly of: string
  /** JSON text per column; undefined where the tuple does not hold it. */
  readonly before?: readonly (string | undefined)[]
  readonly after?: readonly (string | undefined)[]
}

/** Keeps everything, and checks what every sink may rely on. */
export class RecordingSink implements SourceSink {
  readonly transactions: RecordedTransaction[] = []
  readonly epochs: { readonly epoch: string; readonly lsn: number }[] = []
  /** Highest LSN told. */
  lsn = 0
  #open: RecordedTransaction | undefined

  begin(xid: number, lsn: number, at: number): void {
    if (lsn <= this.lsn) throw new Error(`commit ${lsn} after ${this.lsn} was told`)
    this.#open = { xid, lsn, at, events: [] }
  }

  change(collection: Collection, before: Tuple | null, after: Tuple | null, event: RowEvent): void {
    this.#push({
      kind: event,
      of: collection.name,
      ...(before === null ? {} : { before: values(collection, before) }),
      ...(after === null ? {} : { after: values(collection, after) }),
    })
  }

  truncate(collection: Collection): void {
    this.#push({ kind: 'truncate', of: collection.name })
  }

  untold(collection: Collection): void {
    this.#push({ kind: 'untold', of: collection.name })
  }

  message(content: string): void {
    this.#push({ kind: 'message', of: content })
  }

  commit(): void {
    if (this.#open === undefined) throw new Error('commit without begin')
    this.transactions.push(this.#open)
    this.lsn = this.#open.lsn
    this.#open = undefined
  }

  progress(lsn: number): void {
    if (lsn <= this.lsn) throw new Error(`progress to ${lsn} after ${this.lsn} was told`)
    this.lsn = lsn
  }

  epoch(epoch: string, lsn: number): void {
    this.epochs.push({ epoch, lsn })
    this.lsn = lsn
    this.#open = undefined
  }

  /** All events of all transactions. */
  get events(): readonly RecordedEvent[] {
    return this.transactions.flatMap((transaction) => transaction.events)
  }

  #push(event: RecordedEvent): void {
    if (this.#open === undefined) throw new Error(`${event.kind} outside a transaction`)
    this.#open.events.push(event)
  }
}

function values(collection: Collection, tuple: Tuple): (string | undefined)[] {
  return collection.columns.map((_, column) => (tuple.has(column) ? tuple.json(column) : undefined))
}

/** A collection of a table in `public`, of one view that shows all columns; its key is the first column. */
export function tableCollection(
  table: string,
  columns: readonly string[],
  facts: Partial<Collection> = {},
): Collection {
  return {
    name: table,
    schema: 'public',
    table,
    columns,
    key: [0],
    channels: [],
    views: [columns.map((_, column) => column)],
    ...facts,
  }
}
