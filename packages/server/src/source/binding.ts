import type { Collection } from '../definition/definition.ts'
import type { TypeCatalog } from './catalog.ts'
import type { Relation, RelationReader } from './pgoutput.ts'
import type { RowEvent, SourceSink } from './source.ts'
import { type RowFields, TupleView } from './tuple.ts'

/** Hands the rows of one relation to the sink, once per collection that is made of its table. */
export class Binding implements RelationReader {
  readonly #sink: SourceSink
  readonly #collections: readonly Collection[]
  readonly #befores: readonly TupleView[]
  readonly #afters: readonly TupleView[]

  constructor(
    sink: SourceSink,
    relation: Relation,
    collections: readonly Collection[],
    types: TypeCatalog,
    before: RowFields,
    after: RowFields,
  ) {
    this.#sink = sink
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
  }

  change(event: RowEvent, hasBefore: boolean): void {
    for (let i = 0; i < this.#collections.length; i++) {
      const collection = this.#collections[i]
      const before = this.#befores[i]
      const after = this.#afters[i]
      if (collection === undefined || before === undefined || after === undefined) return
      this.#sink.change(collection, hasBefore ? before : null, event === 'destroy' ? null : after, event)
    }
  }

  truncate(): void {
    for (const collection of this.#collections) this.#sink.truncate(collection)
  }
}
