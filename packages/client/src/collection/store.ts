import type { CollectionChanges, Json, Row, SnapshotRows } from '@lockstep/protocol'
import { Listeners, type Report } from '../listeners.ts'
import type { Applier, Changeable } from './applier.ts'
import type { Changes, Collection, Key } from './collection.ts'
import { equal } from './equal.ts'
import { keyOfRow, keyText, temporaryPrefix } from './key.ts'

/** One optimistic change of one row; belongs to a pending write. */
export interface Effect {
  readonly store: Store
  /** Changes when a temporary key gets its real one. */
  key: string
  readonly action: 'create' | 'update' | 'destroy'
  readonly attributes: Row
}

/** Sends a collection's writes. */
export interface RowWriter {
  writeRow(effect: Effect, attributes: Row): Promise<Json | undefined>
  uniqueId(): string
}

/** Most temporary keys that are remembered after their rows got real ones. */
const realKeysMax = 1_000

/** Confirmed rows, and over them what the pending writes make of some. */
export class Store implements Collection<Row>, Changeable {
  declare readonly name: string
  declare readonly channel: string
  /** Pending optimistic changes, oldest first. */
  #effects: Effect[] = []
  /** Names of the key's columns; the server tells them with a snapshot. */
  #keyColumns: readonly string[] = ['id']
  readonly #confirmed = new Map<string, Row>()
  /** What shows in place of the confirmed row; undefined where it is hidden. */
  readonly #overlay = new Map<string, Row | undefined>()
  /** Rows as they showed before the current apply. */
  readonly #before = new Map<string, Row | undefined>()
  /** Real keys of rows that had temporary ones. */
  readonly #realKeys = new Map<string, string>()
  #list: readonly Row[] | undefined
  #first: ReadonlyMap<string, Row> | undefined
  #firstList: readonly Row[] = []
  readonly #listeners = new Listeners<[Changes]>()
  readonly #rowListeners = new Map<string, Listeners<[Row | undefined]>>()
  readonly #applier: Applier
  /** Whoever sends the writes: the client. */
  declare readonly writer: RowWriter
  readonly #report: Report

  constructor(channel: string, name: string, applier: Applier, writer: RowWriter, report: Report) {
    this.channel = channel
    this.name = name
    this.#applier = applier
    this.writer = writer
    this.#report = report
  }

  // ---- reading --------------------------------------------------------------------------------------

  get size(): number {
    return this.all().length
  }

  get(key: Key): Row | undefined {
    const text = keyText(key)
    return this.#overlay.has(text) ? this.#overlay.get(text) : this.#confirmed.get(text)
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined
  }

  all(): readonly Row[] {
    if (this.#list === undefined) {
      const list: Row[] = []
      for (const [key, row] of this.#confirmed) {
        const shown = this.#overlay.has(key) ? this.#overlay.get(key) : row
        if (shown !== undefined) list.push(shown)
      }
      for (const [key, row] of this.#overlay) {
        if (row !== undefined && !this.#confirmed.has(key)) list.push(row)
      }
      this.#list = list
    }
    return this.#list
  }

  initial(): readonly Row[] {
    return this.#firstList
  }

  initialRow(key: Key): Row | undefined {
    return this.#first?.get(keyText(key))
  }

  keyOf(row: Row): string {
    return keyOfRow(row, this.#keyColumns) ?? ''
  }

  subscribe(listener: (changes: Changes) => void): () => void {
    return this.#listeners.add(listener)
  }

  subscribeRow(key: Key, listener: (row: Row | undefined) => void): () => void {
    const text = keyText(key)
    const listeners = this.#rowListeners.get(text) ?? new Listeners()
    this.#rowListeners.set(text, listeners)
    const remove = listeners.add(listener)
    return () => {
      remove()
      if (listeners.size === 0 && this.#rowListeners.get(text) === listeners) this.#rowListeners.delete(text)
    }
  }

  // ---- writing --------------------------------------------------------------------------------------

  create(attributes: Row): Promise<Json | undefined> {
    return this.writer.writeRow(this.creation(attributes), attributes)
  }

  update(key: Key, attributes: Row): Promise<Json | undefined> {
    return this.writer.writeRow(this.effect('update', key, attributes), attributes)
  }

  destroy(key: Key): Promise<Json | undefined> {
    return this.writer.writeRow(this.effect('destroy', key, {}), {})
  }

  effect(action: 'update' | 'destroy', key: Key, attributes: Row): Effect {
    return { store: this, key: this.realKey(key), action, attributes }
  }

  /** The effect of creating a row; without a whole key it gets a temporary one. */
  creation(attributes: Row): Effect {
    const known = keyOfRow(attributes, this.#keyColumns)
    const key = known ?? temporaryPrefix + this.writer.uniqueId()
    const column = this.#keyColumns[0]
    const shown =
      known === undefined && column !== undefined && this.#keyColumns.length === 1
        ? { ...attributes, [column]: key }
        : attributes
    return { store: this, key, action: 'create', attributes: shown }
  }

  /** The key under which the server knows the row, once that is known. */
  realKey(key: Key): string {
    const text = keyText(key)
    return this.#realKeys.get(text) ?? text
  }

  /** Reads the key from a reply or a row, and remembers it as that of a temporary one. */
  learnKey(temporary: string, from: Row | string): void {
    const key = typeof from === 'string' ? from : keyOfRow(from, this.#keyColumns)
    if (key !== undefined) this.#realKeys.set(temporary, key)
    const [oldest] = this.#realKeys.keys()
    if (this.#realKeys.size > realKeysMax && oldest !== undefined) this.#realKeys.delete(oldest)
  }

  addEffect(effect: Effect): void {
    this.#touch(effect.key)
    this.#effects.push(effect)
  }

  removeEffect(effect: Effect): void {
    this.#touch(effect.key)
    this.#effects = this.#effects.filter((other) => other !== effect)
  }

  /** Pending changes of a temporary row go over to the real one. */
  adopt(temporary: string): void {
    const key = this.#realKeys.get(temporary)
    if (key === undefined) return
    this.#touch(temporary)
    this.#touch(key)
    for (const effect of this.#effects) {
      if (effect.key === temporary && effect.action !== 'create') effect.key = key
    }
  }

  // ---- applying: only within Applier.run ------------------------------------------------------------

  applyChanges(changes: CollectionChanges): void {
    for (const [key, row] of Object.entries(changes.create ?? {})) this.#put(key, row)
    for (const [key, columns] of Object.entries(changes.update ?? {})) {
      const row = this.#confirmed.get(key)
      if (row !== undefined) this.#put(key, { ...row, ...columns })
    }
    for (const key of changes.destroy ?? []) this.#drop(key)
  }

  /** Makes the rows those of the snapshot; rows that are the same stay. Undefined: there are none. */
  applySnapshot(snapshot: SnapshotRows | undefined): void {
    const keys = new Set<string>()
    if (snapshot !== undefined) {
      const { columns } = snapshot
      this.#keyColumns = snapshot.key.map((index) => columns[index] ?? '')
      for (const values of snapshot.rows) {
        const row: Record<string, Json> = {}
        columns.forEach((column, i) => {
          row[column] = values[i] ?? null
        })
        const key = this.keyOf(row)
        keys.add(key)
        this.#put(key, row)
      }
    }
    for (const key of [...this.#confirmed.keys()]) if (!keys.has(key)) this.#drop(key)
  }

  /** What shows now is what the page came with. */
  keepInitial(): void {
    this.#first = new Map(this.#confirmed)
    this.#firstList = this.all()
  }

  /** The rows must go from the screen, the pending writes' too. */
  clear(): void {
    for (const effect of this.#effects) this.#touch(effect.key)
    this.#effects = []
    this.applySnapshot(undefined)
  }

  settle(): Pick<Changes, 'created' | 'updated' | 'destroyed'> | undefined {
    const created: string[] = []
    const updated: string[] = []
    const destroyed: string[] = []
    for (const [key, old] of this.#before) {
      this.#showEffects(key)
      const row = this.get(key)
      if (row === old) continue
      if (old === undefined) created.push(key)
      else if (row === undefined) destroyed.push(key)
      // What shows is the same: it stays the same object, whatever is under it.
      else if (equal(row, old)) (this.#overlay.has(key) ? this.#overlay : this.#confirmed).set(key, old)
      else updated.push(key)
    }
    this.#before.clear()
    if (created.length + updated.length + destroyed.length === 0) return undefined
    this.#list = undefined
    return { created, updated, destroyed }
  }

  tell(changes: Changes): void {
    if (this.#rowListeners.size > 0) {
      for (const key of [...changes.created, ...changes.updated, ...changes.destroyed]) {
        this.#rowListeners.get(key)?.tell(this.#report, this.get(key))
      }
    }
    this.#listeners.tell(this.#report, changes)
  }

  #touch(key: string): void {
    if (!this.#before.has(key)) this.#before.set(key, this.get(key))
    this.#applier.touch(this)
  }

  #put(key: string, row: Row): void {
    const old = this.#confirmed.get(key)
    if (old !== undefined && equal(old, row)) return
    this.#touch(key)
    this.#confirmed.set(key, Object.freeze(row))
  }

  #drop(key: string): void {
    this.#touch(key)
    this.#confirmed.delete(key)
  }

  #showEffects(key: string): void {
    let row = this.#confirmed.get(key)
    let affected = false
    for (const effect of this.#effects) {
      if (effect.key !== key) continue
      affected = true
      if (effect.action === 'destroy') row = undefined
      else if (effect.action === 'create') row = Object.freeze({ ...effect.attributes })
      else row = row && Object.freeze({ ...row, ...effect.attributes })
    }
    if (affected) this.#overlay.set(key, row)
    else this.#overlay.delete(key)
  }
}
