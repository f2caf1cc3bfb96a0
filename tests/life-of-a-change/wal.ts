import type { Sql } from 'postgres'
import { PgoutputDecoder, type Relation } from '../../packages/server/src/source/pgoutput.ts'
import { kindText, type RowFields } from '../../packages/server/src/source/tuple.ts'

/** Reads the write-ahead log a second time, over a slot of its own, and decodes it as the server does. */
export interface WalWitness {
  /** What was logged for the publication since the last call, a JSON value for each message. */
  read(): Promise<readonly object[]>
  close(): Promise<void>
}

export async function walWitness(sql: Sql, publication: string): Promise<WalWitness> {
  const slot = `${publication}_witness`
  await sql`SELECT pg_create_logical_replication_slot(${slot}, 'pgoutput')`
  return {
    async read() {
      const decoded: object[] = []
      const decoder = new PgoutputDecoder(receiver(decoded))
      const rows = await sql`
        SELECT data FROM pg_logical_slot_get_binary_changes(${slot}, NULL, NULL,
          'proto_version', '1', 'publication_names', ${publication}, 'messages', 'true')`
      for (const { data } of rows) decoder.decode(data, 0, data.length)
      return decoded
    },
    async close() {
      await sql`SELECT pg_drop_replication_slot(${slot})`
    },
  }
}

function receiver(decoded: object[]): ConstructorParameters<typeof PgoutputDecoder>[0] {
  return {
    begin: (xid, lsn, at) => decoded.push({ begin: { xid, lsn: lsn.toString(16), at } }),
    commit: () => decoded.push({ commit: {} }),
    message(transactional, _lsn, prefix, content) {
      // A barrier of the server, between transactions.
      if (transactional) decoded.push({ message: { prefix, content: JSON.parse(content) } })
    },
    relation(relation, before, after) {
      const { schema, table, columns } = relation
      decoded.push({ relation: { table: `${schema}.${table}`, columns: columns.map(({ name }) => name) } })
      return {
        truncate: () => decoded.push({ truncate: { table } }),
        change(event, hasBefore) {
          decoded.push({
            [event]: {
              table,
              ...(hasBefore ? { before: rowOf(relation, before) } : {}),
              ...(event === 'destroy' ? {} : { after: rowOf(relation, after) }),
            },
          })
        },
      }
    },
  }
}

/** Postgres' own texts, by column. */
function rowOf({ columns }: Relation, { bytes, kinds, starts, ends }: RowFields): object {
  return Object.fromEntries(
    columns.map(({ name }, column) => [
      name,
      kinds[column] === kindText ? bytes.toString('utf8', starts[column], ends[column]) : null,
    ]),
  )
}
