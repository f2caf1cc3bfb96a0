import type { Collection, JsonBytes, Source, SourceSink, SourceStatus, Tuple } from '@lockstep/server/stages'

/** Commits are this far apart in the pretended WAL, so that barriers fit between them. */
const lsnStep = 64

/** A source whose transactions are committed by hand: the stages behind it run as with Postgres. */
export class HandSource implements Source {
  readonly #collection: Collection
  #sink: SourceSink | undefined
  #lsn = 4_096
  #xid = 1_000

  constructor(collection: Collection) {
    this.#collection = collection
  }

  async start(sink: SourceSink): Promise<void> {
    this.#sink = sink
    sink.epoch('bench', this.#lsn)
  }

  /** A commit that changed one row. Values are JSON texts; `before` and `after` in the collection's order. */
  commitUpdate(before: readonly string[], after: readonly string[]): void {
    const sink = this.#sink
    if (sink === undefined) throw new Error('not started')
    this.#lsn += lsnStep
    sink.begin(++this.#xid, this.#lsn, Date.now())
    sink.change(this.#collection, new TextTuple(before), new TextTuple(after), 'update')
    sink.commit()
  }

  async barrier(): Promise<number> {
    this.#sink?.progress(++this.#lsn)
    return this.#lsn
  }

  status(): SourceStatus {
    return { connected: true, lsn: this.#lsn, retainedBytes: 0 }
  }

  async close(): Promise<void> {}
}

/** A row whose values are given as JSON texts of numbers and plain strings. */
class TextTuple implements Tuple {
  readonly #values: readonly string[]

  constructor(values: readonly string[]) {
    this.#values = values
  }

  has(): boolean {
    return true
  }

  isNull(column: number): boolean {
    return this.json(column) === 'null'
  }

  keyText(column: number): string | null {
    return this.text(column)
  }

  text(column: number): string | null {
    const json = this.json(column)
    if (json === 'null') return null
    return json.startsWith('"') ? json.slice(1, -1) : json
  }

  json(column: number): string {
    return this.#values[column] ?? 'null'
  }

  write(column: number, to: JsonBytes): boolean {
    to.text(this.json(column))
    return true
  }

  same(other: Tuple, column: number): boolean {
    return other.json(column) === this.json(column)
  }
}
