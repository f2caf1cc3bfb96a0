import { joinKey, LockstepError } from '@lockstep/protocol'
import {
  keyEncoderOf,
  type SnapshotPart,
  type SnapshotRead,
  type SnapshotReader,
  type SnapshotRow,
  TypeCatalog,
} from '@lockstep/server/stages'
import { DatabaseError, type Row } from './database.ts'
import type { PostgresModel } from './model.ts'
import type { NodeProcess } from './node-process.ts'
import type { Table } from './table.ts'
import { textOf, typeOids } from './value-text.ts'

/** REPEATABLE READ over the model: all rows as of one moment, read part by part. */
export class ModelSnapshotReader implements SnapshotReader {
  readonly #model: PostgresModel
  readonly #process: NodeProcess
  readonly #types = new TypeCatalog()

  constructor(model: PostgresModel, process: NodeProcess) {
    this.#model = model
    this.#process = process
  }

  async read(parts: readonly SnapshotPart[]): Promise<SnapshotRead> {
    try {
      return await this.#read(parts)
    } catch (cause) {
      throw new LockstepError('unavailable', undefined, { cause })
    }
  }

  async #read(parts: readonly SnapshotPart[]): Promise<SnapshotRead> {
    await this.#process.pass()
    const { instance } = this.#model
    if (!instance.up) throw new DatabaseError('ECONNREFUSED', 'nothing answers')
    const transaction = this.#model.open()
    const forget = this.#process.onCut(() => {
      this.#model.clock.after(this.#model.hangUpMs(), () => void transaction.rollback())
    })
    try {
      await instance.statement()
      // Rows never change, so that what is committed now can be looked at later.
      const visibility = instance.visibility()
      const tables = parts.map(({ collection }) => {
        const table = instance.table(collection.table)
        return { table, rows: table.rows(), truncations: table.truncations }
      })
      const rows: SnapshotRow[][] = []
      for (const [i, part] of parts.entries()) {
        const seen = tables[i]
        if (seen === undefined) continue
        await transaction.share(seen.table)
        await instance.statement()
        // TRUNCATE leaves nothing to older snapshots either.
        const isEmptied = seen.table.truncations !== seen.truncations
        rows.push(isEmptied ? [] : this.#rows(part, seen.table, seen.rows))
      }
      await this.#process.pass()
      return { visibility, rows }
    } finally {
      forget()
      await transaction.rollback()
    }
  }

  #rows(part: SnapshotPart, table: Table, rows: ReadonlyMap<string, Row>): SnapshotRow[] {
    const { collection } = part
    const types = collection.columns.map(
      (name) => table.shape.columns.find((column) => column.name === name)?.type,
    )
    const encoders = types.map((type) => this.#types.encoder(typeOids[type ?? 'text']))
    const found: SnapshotRow[] = []
    for (const row of rows.values()) {
      const text = (column: number): string | null =>
        textOf(types[column], row[collection.columns[column] ?? ''])
      if (!part.where.some((all) => all.every((one) => text(one.column) === one.text))) continue
      const json = (column: number): string => {
        const value = text(column)
        return value === null ? 'null' : (encoders[column]?.(value) ?? 'null')
      }
      const key = collection.key.map((column) => {
        const value = text(column) ?? ''
        const encoder = encoders[column]
        return (encoder && keyEncoderOf(encoder)?.(value)) ?? value
      })
      found.push({ key: joinKey(key), values: part.columns.map(json) })
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : 1))
  }
}
