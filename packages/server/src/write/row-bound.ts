import { LockstepError } from '@lockstep/protocol'
import type { Execute } from './write.ts'

/**
 * Counts the rows that a transaction creates, updates and destroys in the synced tables, by Postgres' own
 * counters, and refuses too much: every subscriber would have to take it as one message.
 */
export class RowBound {
  readonly #tables: string
  readonly #rowsMax: number

  constructor(tables: readonly { readonly schema: string; readonly table: string }[], rowsMax: number) {
    this.#tables = tables.map(({ schema, table }) => `${quoted(schema)}.${quoted(table)}`).join('\n')
    this.#rowsMax = rowsMax
  }

  /** At the start of a transaction. The counters may still hold what this connection did before it. */
  async start(execute: Execute): Promise<number> {
    if (this.#tables === '') return 0
    const [row] = await execute(count, [this.#tables])
    return Number(row?.rows ?? 0)
  }

  /** At its end. @throws LockstepError `too_large` */
  async assert(execute: Execute, start: number): Promise<void> {
    if ((await this.start(execute)) - start > this.#rowsMax) {
      throw new LockstepError('too_large', `A write changes at most ${this.#rowsMax} rows.`)
    }
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Partitions count for themselves, so a partitioned table stands for all of them. */
const count = `SELECT coalesce(sum(
    pg_stat_get_xact_tuples_inserted(part) + pg_stat_get_xact_tuples_updated(part) + pg_stat_get_xact_tuples_deleted(part)
  ), 0)::text AS rows
  FROM string_to_array($1::text, E'\\n') AS names, unnest(names) AS name, to_regclass(name) AS relation
  LEFT JOIN LATERAL pg_partition_tree(relation) AS tree ON true, coalesce(tree.relid, relation) AS part
  WHERE relation IS NOT NULL`
