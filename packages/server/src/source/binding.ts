import type { Collection } from '../definition/definition.ts'
import type { TypeCatalog } from './catalog.ts'
import type { Relation, RelationReader } from './pgoutput.ts'
import type { RowEvent, SourceSink } from './source.ts'
import { type RowFields, TupleView } from './tuple.ts'

/** Hands the rows of one relation to the sink, once per collection that is made of its table. */
export class Binding implements RelationReader {
  readonly #sink: SourceSink
  /** Hears of each update that cannot be told because of the replica identity. */
  readonly #onBlind: (collection: Collection) => void
  readonly #collections: readonly Collection[]
  readonly #befores: readonly TupleView[]
  readonly #afters: readonly TupleView[]
  /** Of each collection, whether the table's replica identity holds its key and channels. */
  readonly #identified: readonly boolean[]

  constructor(
    sink: SourceSink,
    relation: Relation,
    collections: readonly Collection[],
    types: TypeCatalog,
    before: RowFields,
    after: RowFields,
    onBlind: (collection: Collection) => void,
  ) {
    this.#sink = sink
    this.#onBlind = onBlind
    this.#collections = collections
    const befores: TupleView[] = []
    const afters: TupleView[] = []
    for (const collection of collections) {
      const columns = collection.columns.map((name) =>
        relation.columns.findIndex((column) => column.name === name),
      )
      const encoders = columns.map((place) => types.encoder(relation.columns[place]?.typeOid ?? 0))
      const places = Int32Array.from(columns)
      befores.push(new TupleView(before, places, encoders))
      afters.push(new TupleView(after, places, encoders))
    }
    this.#befores = befores
    this.#afters = afters
    this.#identified = collections.map((collection) => isIdentified(collection, relation))
  }

  change(event: RowEvent, hasBefore: boolean): void {
    for (let i = 0; i < this.#collections.length; i++) {
      const collection = this.#collections[i]
      const before = this.#befores[i]
      const after = this.#afters[i]
      if (collection === undefined || before === undefined || after === undefined) return
      // Without its old version, an update leaves key and channels alone only where they are the identity.
      const isBlind = event === 'update' && !hasBefore && this.#identified[i] !== true
      if (isBlind) this.#onBlind(collection)
      if (isBlind || (event !== 'destroy' && after.isTooLong)) this.#sink.untold(collection)
      else this.#sink.change(collection, hasBefore ? before : null, event === 'destroy' ? null : after, event)
    }
  }

  truncate(): void {
    for (const collection of this.#collections) this.#sink.truncate(collection)
  }
}

/** The identity may change at any time: with ALTER TABLE, or in a partition that was made without it. */
export function isIdentified({ columns, key, channels }: Collection, relation: Relation): boolean {
  return [...key, ...channels.flatMap((channel) => channel.columns)].every((number) =>
    relation.columns.some(({ name, identity }) => identity && name === columns[number]),
  )
}
