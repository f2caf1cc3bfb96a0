import type { Collection } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'
import { barrierPrefix } from './barriers.ts'
import { Binding, isIdentified } from './binding.ts'
import type { TypeCatalog } from './catalog.ts'
import { qualifiedName } from './names.ts'
import {
  PgoutputDecoder,
  PgoutputError,
  type PgoutputReceiver,
  type Relation,
  type RelationReader,
} from './pgoutput.ts'
import type { RowEvent, SourceSink } from './source.ts'
import type { RowFields } from './tuple.ts'

export interface IntakeOptions {
  readonly collections: readonly Collection[]
  readonly sink: SourceSink
  readonly types: TypeCatalog
  readonly logger: Logger
  /** Commits that start here or later have not been given. */
  readonly from: number
  readonly onBarrier: (content: string, lsn: number) => void
  /** A commit was given. */
  readonly onCommit?: (xid: number, lsn: number) => void
  readonly onError: (collection: Collection, error: Error) => void
  /** A column has a type that `types` does not know: pause, load, call `typesLearned`. */
  readonly onUnknownType: () => void
}

/** Prefix of transactional messages that are for the sink. */
export const messagePrefix = 'lockstep'

/**
 * What the stream says, for the sink: each commit once over all connections of an epoch, mapped to
 * collections, with the collections that can no longer be told left out.
 */
export class Intake implements PgoutputReceiver {
  /** Every commit that starts at or before this LSN has been given. */
  given: number
  readonly #options: IntakeOptions
  #decoder: PgoutputDecoder
  #xid = 0
  #lsn = 0
  /** Between begin and commit. */
  #open = false
  /** In a transaction that was given over a former connection. */
  #skipping = false
  /** Columns and types of each collection as first seen; by these its messages are encoded. */
  readonly #shapes = new Map<Collection, string>()
  readonly #relationOids = new Map<Collection, number>()
  readonly #stopped = new Set<Collection>()
  /** Those of whose replica identity it was said that it tells too little. */
  readonly #blind = new Set<Collection>()

  /** Collections whose changes are left out. */
  get stopped(): readonly Collection[] {
    return [...this.#stopped]
  }

  constructor(options: IntakeOptions) {
    this.#options = options
    this.given = options.from - 1
    this.#decoder = new PgoutputDecoder(this)
  }

  /** A new connection describes its relations anew, and repeats the transaction that was cut. */
  connectionLost(): void {
    this.#decoder = new PgoutputDecoder(this)
    this.#open = false
    this.#skipping = false
  }

  take(bytes: Buffer, start: number, end: number): void {
    this.#decoder.decode(bytes, start, end)
  }

  /** The walsender has read up to `walEnd`; a commit that starts there is still to come. */
  progress(walEnd: number): void {
    if (this.#open || walEnd - 1 <= this.given) return
    this.given = walEnd - 1
    this.#options.sink.progress(this.given)
  }

  begin(xid: number, lsn: number, at: number): void {
    if (this.#open) throw new PgoutputError('a transaction within a transaction')
    this.#xid = xid
    this.#lsn = lsn
    this.#open = true
    this.#skipping = lsn <= this.given
    if (!this.#skipping) this.#options.sink.begin(xid, lsn, at)
  }

  commit(): void {
    this.assertOpen()
    this.#open = false
    if (this.#skipping) {
      this.#skipping = false
      return
    }
    this.#options.sink.commit()
    this.given = this.#lsn
    this.#options.onCommit?.(this.#xid, this.#lsn)
  }

  message(transactional: boolean, lsn: number, prefix: string, content: string): void {
    if (transactional) {
      this.assertOpen()
      if (prefix === messagePrefix && !this.#skipping) this.#options.sink.message(content)
      return
    }
    // The message's LSN is where its record ends, and the next commit may start right there.
    this.progress(lsn)
    if (prefix === barrierPrefix) this.#options.onBarrier(content, lsn - 1)
  }

  relation(relation: Relation, before: RowFields, after: RowFields): RelationReader | undefined {
    const { collections, types, onUnknownType } = this.#options
    const wanted = collections.filter(
      ({ schema, table }) => schema === relation.schema && table === relation.table,
    )
    for (const [collection, oid] of this.#relationOids) {
      if (oid === relation.oid && !wanted.includes(collection))
        this.#stop(collection, `its table was renamed to ${relation.schema}.${relation.table}`)
    }
    const usable = wanted.filter((collection) => this.#fits(collection, relation))
    if (usable.length === 0) return undefined
    // Postgres describes a relation again whenever it likes, for one after each ANALYZE.
    for (const collection of usable) if (isIdentified(collection, relation)) this.#blind.delete(collection)
    const make = (): Binding =>
      new Binding(this.#options.sink, relation, usable, types, before, after, this.#onBlind)
    const reader = new Gate(this, make)
    if (relation.columns.some((column) => !types.knows(column.typeOid))) {
      this.#untyped.push(reader)
      onUnknownType()
    } else reader.open()
    return reader
  }

  readonly #onBlind = (collection: Collection): void => {
    if (this.#blind.has(collection)) return
    this.#blind.add(collection)
    this.#options.logger.error(
      `Collection ${collection.name}: an update does not tell where its row was, so that it resets channels. Run: ` +
        `ALTER TABLE ${qualifiedName(collection)} REPLICA IDENTITY FULL; of a partitioned table, run it for each partition.`,
    )
  }

  readonly #untyped: Gate[] = []

  typesLearned(): void {
    for (const reader of this.#untyped.splice(0)) reader.open()
  }

  get skipping(): boolean {
    return this.#skipping
  }

  /** @throws PgoutputError for what belongs to a transaction and comes outside of one. */
  assertOpen(): void {
    if (!this.#open) throw new PgoutputError('a piece of a transaction outside of one')
  }

  /** Whether every declared column is there, with the type it had. */
  #fits(collection: Collection, relation: Relation): boolean {
    if (this.#stopped.has(collection)) return false
    const columns = collection.columns.map((name) => relation.columns.find((column) => column.name === name))
    const missing = collection.columns.filter((_, i) => columns[i] === undefined)
    if (missing.length > 0) {
      this.#stop(collection, `its table ${relation.schema}.${relation.table} lacks ${missing.join(', ')}`)
      return false
    }
    const shape = columns.map((column) => column?.typeOid).join()
    const former = this.#shapes.get(collection)
    if (former !== undefined && former !== shape) {
      this.#stop(collection, `the type of a column of ${relation.schema}.${relation.table} changed`)
      return false
    }
    this.#shapes.set(collection, shape)
    this.#relationOids.set(collection, relation.oid)
    return true
  }

  #stop(collection: Collection, why: string): void {
    if (this.#stopped.has(collection)) return
    this.#stopped.add(collection)
    const error = new Error(
      `Collection ${collection.name} stops: ${why}. Its changes are no longer sent; mend the table or the definition, and restart.`,
    )
    this.#options.logger.error(error.message)
    this.#options.onError(collection, error)
  }
}

/** Lets rows through once the types of their columns are known, and not those given before. */
class Gate implements RelationReader {
  readonly #intake: Intake
  readonly #make: () => RelationReader
  #reader: RelationReader | undefined

  constructor(intake: Intake, make: () => RelationReader) {
    this.#intake = intake
    this.#make = make
  }

  open(): void {
    this.#reader = this.#make()
  }

  change(event: RowEvent, hasBefore: boolean): void {
    this.#intake.assertOpen()
    if (!this.#intake.skipping) this.#reader?.change(event, hasBefore)
  }

  truncate(): void {
    this.#intake.assertOpen()
    if (!this.#intake.skipping) this.#reader?.truncate()
  }
}
