import type { Position } from '@lockstep/protocol'
import type { Sql } from 'postgres'
import { type OwnTable, withTable } from '../setup/own-table.ts'

/** How far each named observer is. A slot has its own: LSNs of one slot's epoch mean nothing for another. */
const observersTable: OwnTable = {
  name: 'lockstep.observers',
  create: [
    `CREATE TABLE lockstep.observers (
  slot text NOT NULL,
  name text NOT NULL,
  collection text NOT NULL,
  epoch text NOT NULL,
  lsn bigint NOT NULL,
  saved_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (slot, name)
)`,
  ],
}

export interface KnownObserver {
  readonly name: string
  readonly collection: string
  readonly position: Position
}

/** Makes the table of observers where it is missing. */
export async function prepareObservers(sql: Sql): Promise<void> {
  await withTable(sql, observersTable, () => Promise.resolve())
}

/** The positions in table `lockstep.observers`. */
export class ObserverPositions {
  readonly #sql: Sql
  readonly #slot: string

  constructor(sql: Sql, slot: string) {
    this.#sql = sql
    this.#slot = slot
  }

  async load(): Promise<readonly KnownObserver[]> {
    const [found] = await this.#sql<{ made: boolean }[]>`
      SELECT to_regclass(${observersTable.name}) IS NOT NULL AS made`
    if (!found?.made) return []
    const rows = await this.#sql<{ name: string; collection: string; epoch: string; lsn: string }[]>`
      SELECT name, collection, epoch, lsn::text FROM lockstep.observers WHERE slot = ${this.#slot}`
    return rows.map(({ name, collection, epoch, lsn }) => {
      return { name, collection, position: { epoch, lsn: Number(lsn) } }
    })
  }

  /** The first time that the table is needed: a server without named observers needs no right to make it. */
  prepare(): Promise<void> {
    return prepareObservers(this.#sql)
  }

  async save({ name, collection, position }: KnownObserver): Promise<void> {
    await this.#sql`
      INSERT INTO lockstep.observers (slot, name, collection, epoch, lsn)
      VALUES (${this.#slot}, ${name}, ${collection}, ${position.epoch}, ${String(position.lsn)}::bigint)
      ON CONFLICT (slot, name) DO UPDATE
      SET collection = EXCLUDED.collection, epoch = EXCLUDED.epoch, lsn = EXCLUDED.lsn, saved_at = now()`
  }
}
