import fc from 'fast-check'
import { compileSync } from '../definition/compile.ts'
import { defineSync } from '../definition/define.ts'
import type { Collection, Sync } from '../definition/definition.ts'
import { partsOf } from '../snapshot/parts.ts'
import type { SnapshotPart, SnapshotRow } from '../snapshot/snapshot.ts'
import type { JsonBytes } from '../source/json-bytes.ts'
import type { RowEvent, SourceSink, Tuple } from '../source/source.ts'

/** A small database for tests: tables of rows of texts, told to a sink as a source would tell them. */

export const modelSync: Sync = compileSync(
  defineSync({
    channels: {
      'project/:projectId': { authorize: () => true },
      'user/:userId': { authorize: () => true },
    },
    collections: {
      items: {
        table: 'items',
        channel: ['project/:project_id', 'user/:assignee_id'],
        columns: { member: ['id', 'title', 'assignee_id', 'notes'], guest: ['id', 'title'] },
      },
      links: {
        table: 'links',
        key: ['id', 'kind'],
        channel: ['project/:from_id', 'project/:to_id'],
        columns: ['title'],
      },
      secrets: { table: 'secrets', channel: 'project/:project_id', columns: { member: ['title'] } },
    },
  }),
)

export type Texts = readonly (string | null)[]

/** `undefined`: this row version does not hold the column. */
export class ModelTuple implements Tuple {
  readonly #texts: readonly (string | null | undefined)[]

  constructor(texts: readonly (string | null | undefined)[]) {
    this.#texts = texts
  }

  has(column: number): boolean {
    return this.#texts[column] !== undefined
  }

  isNull(column: number): boolean {
    return this.#texts[column] === null
  }

  text(column: number): string | null {
    return this.#texts[column] ?? null
  }

  keyText(column: number): string | null {
    return this.text(column)
  }

  json(column: number): string {
    return JSON.stringify(this.text(column))
  }

  write(column: number, to: JsonBytes): boolean {
    if (this.has(column)) to.text(this.json(column))
    return this.has(column)
  }

  same(other: Tuple, column: number): boolean {
    return this.has(column) && other.has(column) && this.text(column) === other.text(column)
  }
}

/** What a table's REPLICA IDENTITY gives for the old row. */
export type Identity = 'full' | 'index'

/** Values of these columns count as TOASTed: an update that leaves them alone does not carry them. */
const toasted: ReadonlySet<string> = new Set(['notes'])

export interface ModelChange {
  readonly collection: Collection
  readonly before: Tuple | null
  readonly after: Tuple | null
  readonly event: RowEvent
}

export type ModelWrite =
  | {
      readonly kind: 'put'
      readonly collection: number
      readonly key: number
      readonly texts: readonly (number | null)[]
    }
  | {
      readonly kind: 'set'
      readonly collection: number
      readonly key: number
      readonly column: number
      readonly text: number | null
    }
  | { readonly kind: 'rekey'; readonly collection: number; readonly key: number; readonly to: number }
  | { readonly kind: 'remove'; readonly collection: number; readonly key: number }

/** Few keys, channels and texts, so that writes meet. */
export const modelWrite: fc.Arbitrary<ModelWrite> = (() => {
  const collection = fc.nat(2)
  const key = fc.nat(3)
  const text = fc.option(fc.nat(2), { freq: 4 })
  return fc.oneof(
    fc.record({
      kind: fc.constant('put' as const),
      collection,
      key,
      texts: fc.array(text, { minLength: 6, maxLength: 6 }),
    }),
    fc.record({ kind: fc.constant('set' as const), collection, key, column: fc.nat(5), text }),
    fc.record({ kind: fc.constant('rekey' as const), collection, key, to: key }),
    fc.record({ kind: fc.constant('remove' as const), collection, key }),
  )
})()

/** Keys that need escapes, or mean something on an object. */
const keyTexts = ['7', '__proto__', 'a "b"\\', 'ünï,%']

export class ModelDatabase {
  readonly identity: Identity
  readonly #tables = new Map<string, Map<string, Texts>>()

  constructor(identity: Identity) {
    this.identity = identity
    for (const { name } of modelSync.collections) this.#tables.set(name, new Map())
  }

  clone(): ModelDatabase {
    const copy = new ModelDatabase(this.identity)
    for (const [name, table] of this.#tables) copy.#tables.set(name, new Map(table))
    return copy
  }

  /** Does a write that fits the rows, else nothing. */
  write(write: ModelWrite): ModelChange | undefined {
    const collection = modelSync.collections[write.collection]
    if (collection === undefined) throw new Error('no such collection')
    const table = this.#table(collection.name)
    const id = keyTexts[write.key] ?? ''
    const old = table.get(id)
    if (write.kind === 'put') {
      return old === undefined
        ? this.#change(collection, undefined, this.#row(collection, id, write.texts))
        : this.#change(collection, old, this.#row(collection, id, write.texts))
    }
    if (old === undefined) return undefined
    if (write.kind === 'remove') return this.#change(collection, old, undefined)
    const texts = [...old]
    if (write.kind === 'rekey') {
      const to = keyTexts[write.to] ?? ''
      if (table.has(to)) return undefined
      texts[collection.columns.indexOf('id')] = to
    } else {
      const column = write.column % collection.columns.length
      if (collection.key.includes(column)) return undefined
      texts[column] = write.text === null ? null : String(write.text)
    }
    return this.#change(collection, old, texts)
  }

  /** Rows of a part of a snapshot, as a reader of the database gives them. */
  rowsOf({ collection, columns, where }: SnapshotPart): SnapshotRow[] {
    return [...this.#table(collection.name).values()]
      .filter((texts) => where.some((all) => all.every(({ column, text }) => texts[column] === text)))
      .map((texts) => ({
        key: keyText(collection, texts),
        values: columns.map((column) => JSON.stringify(texts[column] ?? null)),
      }))
  }

  /** The rows of a channel as a view sees them: collection to key to row. */
  query(channel: string, view: number): ModelRows {
    const rows: ModelRows = new Map()
    for (const { collection, columns, where } of partsOf(modelSync, channel, view)) {
      for (const texts of this.#table(collection.name).values()) {
        const isIn = where.some((conditions) =>
          conditions.every(({ column, text }) => texts[column] === text),
        )
        if (!isIn) continue
        const key = keyText(collection, texts)
        setRow(
          rows,
          collection.name,
          key,
          new Map(columns.map((c) => [collection.columns[c] ?? '', texts[c] ?? null])),
        )
      }
    }
    return rows
  }

  #table(name: string): Map<string, Texts> {
    const table = this.#tables.get(name)
    if (table === undefined) throw new Error('no such table')
    return table
  }

  #row(collection: Collection, id: string, texts: readonly (number | null)[]): Texts {
    return collection.columns.map((name, i) => {
      if (name === 'id') return id
      const text = texts[i] ?? null
      if (text === null) return collection.key.includes(i) ? 'k' : null
      return collection.key.includes(i) ? 'k' : String(text)
    })
  }

  #change(collection: Collection, old: Texts | undefined, now: Texts | undefined): ModelChange {
    const table = this.#table(collection.name)
    const id = collection.columns.indexOf('id')
    if (old !== undefined) table.delete(old[id] ?? '')
    if (now !== undefined) table.set(now[id] ?? '', now)
    if (old === undefined)
      return { collection, before: null, after: now ? new ModelTuple(now) : null, event: 'create' }
    if (now === undefined)
      return { collection, before: this.#before(collection, old), after: null, event: 'destroy' }
    const after = now.map((text, i) =>
      toasted.has(collection.columns[i] ?? '') && text !== null && text === old[i] ? undefined : text,
    )
    const unmoved = identityOf(collection).every((column) => old[column] === now[column])
    const before = this.identity === 'index' && unmoved ? null : this.#before(collection, old)
    return { collection, before, after: new ModelTuple(after), event: 'update' }
  }

  #before(collection: Collection, old: Texts): Tuple {
    if (this.identity === 'full') return new ModelTuple(old)
    const identity = identityOf(collection)
    return new ModelTuple(old.map((text, column) => (identity.includes(column) ? text : undefined)))
  }
}

/** collection, key, column, value */
export type ModelRows = Map<string, Map<string, Map<string, unknown>>>

function setRow(rows: ModelRows, collection: string, key: string, row: Map<string, unknown>): void {
  const table = rows.get(collection) ?? new Map<string, Map<string, unknown>>()
  table.set(key, row)
  rows.set(collection, table)
}

function identityOf(collection: Collection): readonly number[] {
  return [...collection.key, ...collection.channels.flatMap(({ columns }) => columns)]
}

/** Written apart from the code under test. */
function keyText(collection: Collection, texts: Texts): string {
  const parts = collection.key.map((column) => texts[column] ?? '')
  return parts.length === 1
    ? (parts[0] ?? '')
    : parts.map((p) => p.replaceAll('%', '%25').replaceAll(',', '%2C')).join(',')
}

/** Applies the `changes` of a message to a client's rows as the protocol says; complains of what it may not say. */
export function applyChanges(rows: ModelRows, changes: string): void {
  for (const [collection, change] of entriesOf(JSON.parse(changes))) {
    const table = rows.get(collection) ?? new Map<string, Map<string, unknown>>()
    rows.set(collection, table)
    for (const [event, told] of entriesOf(change)) {
      if (event === 'destroy') {
        for (const [, key] of entriesOf(told)) {
          if (!table.delete(String(key))) throw new Error('destroy of a row that is not there')
        }
      } else if (event === 'create') {
        for (const [key, row] of entriesOf(told)) table.set(key, new Map(entriesOf(row)))
      } else {
        for (const [key, row] of entriesOf(told)) {
          const old = table.get(key)
          if (old === undefined) throw new Error(`update of a row that is not there`)
          for (const [column, value] of entriesOf(row)) old.set(column, value)
        }
      }
    }
    if (table.size === 0) rows.delete(collection)
  }
}

function entriesOf(value: unknown): [string, unknown][] {
  return Object.entries(value ?? {})
}

/** Every channel the model's rows can be in. */
export const modelChannels: readonly string[] = [
  'project/0',
  'project/1',
  'project/2',
  'user/0',
  'user/1',
  'user/2',
]

export function tell(sink: SourceSink, changes: readonly ModelChange[]): void {
  for (const { collection, before, after, event } of changes) sink.change(collection, before, after, event)
}
