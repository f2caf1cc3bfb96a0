import type { Row } from '../database.ts'
import type { ColumnType, TableDefinition } from '../table.ts'

/** What a session is told to do: one statement, for the model and as SQL. */
export type Operation =
  | { readonly kind: 'begin' | 'commit' | 'rollback' }
  | { readonly kind: 'get' | 'lock' | 'delete'; readonly table: string; readonly key: string }
  | { readonly kind: 'insert'; readonly table: string; readonly row: Row }
  | { readonly kind: 'update'; readonly table: string; readonly key: string; readonly columns: Row }
  | { readonly kind: 'emit'; readonly content: string }
  | { readonly kind: 'truncate'; readonly table: string }
  | { readonly kind: 'addColumn'; readonly table: string; readonly column: string }

/** How a statement ended: what it gave, as JSON, or the SQLSTATE. */
export type Outcome = { readonly gave: unknown } | { readonly error: string }

/** Tables with every kind of replica identity, and values that stand apart. */
export const tables: readonly TableDefinition[] = [
  {
    name: 'items',
    key: 'id',
    identity: 'full',
    columns: [
      { name: 'id', type: 'int' },
      { name: 'room', type: 'text' },
      { name: 'n', type: 'int' },
      { name: 'body', type: 'text', external: true },
      { name: 'data', type: 'jsonb' },
    ],
  },
  {
    name: 'notes',
    key: 'id',
    identity: ['id', 'room'],
    columns: [
      { name: 'id', type: 'int' },
      { name: 'room', type: 'text' },
      { name: 'body', type: 'text', external: true },
    ],
  },
  {
    name: 'marks',
    key: 'id',
    identity: 'default',
    columns: [
      { name: 'id', type: 'text' },
      { name: 'flag', type: 'bool' },
    ],
  },
]

export const tablesSql = `
  CREATE TABLE items (id int PRIMARY KEY, room text, n int, body text, data jsonb);
  ALTER TABLE items REPLICA IDENTITY FULL;
  ALTER TABLE items ALTER COLUMN body SET STORAGE EXTERNAL;
  CREATE TABLE notes (id int PRIMARY KEY, room text NOT NULL, body text);
  CREATE UNIQUE INDEX notes_identity ON notes (id, room);
  ALTER TABLE notes REPLICA IDENTITY USING INDEX notes_identity;
  ALTER TABLE notes ALTER COLUMN body SET STORAGE EXTERNAL;
  CREATE TABLE marks (id text PRIMARY KEY, flag bool);
`

/** Brings the tables back to their beginning. */
export const cleanSql = `
  TRUNCATE items, notes, marks;
  ALTER TABLE items DROP COLUMN IF EXISTS extra;
  ALTER TABLE notes DROP COLUMN IF EXISTS extra;
  ALTER TABLE marks DROP COLUMN IF EXISTS extra;
`

export function sqlOf(operation: Operation): string {
  switch (operation.kind) {
    case 'begin':
    case 'commit':
    case 'rollback':
      return operation.kind.toUpperCase()
    case 'get':
    case 'lock': {
      const { table, key, kind } = operation
      return `SELECT to_jsonb(t) AS row FROM ${table} t WHERE id = ${literal(table, 'id', key)}${kind === 'lock' ? ' FOR UPDATE' : ''}`
    }
    case 'delete':
      return `DELETE FROM ${operation.table} WHERE id = ${literal(operation.table, 'id', operation.key)}`
    case 'insert': {
      const { table, row } = operation
      const values = Object.entries(row).map(([name, value]) => literal(table, name, value))
      return `INSERT INTO ${table} (${Object.keys(row).join(', ')}) VALUES (${values.join(', ')})`
    }
    case 'update': {
      const { table, key, columns } = operation
      const set = Object.entries(columns).map(([name, value]) => `${name} = ${literal(table, name, value)}`)
      return `UPDATE ${table} SET ${set.join(', ')} WHERE id = ${literal(table, 'id', key)}`
    }
    case 'emit':
      return `SELECT pg_logical_emit_message(true, 'lockstep', ${quoted(operation.content)})`
    case 'truncate':
      return `TRUNCATE ${operation.table}`
    case 'addColumn':
      return `ALTER TABLE ${operation.table} ADD COLUMN ${operation.column} text`
  }
}

function literal(table: string, column: string, value: unknown): string {
  if (value === null) return 'NULL'
  const type: ColumnType =
    tables.find(({ name }) => name === table)?.columns.find(({ name }) => name === column)?.type ?? 'text'
  if (type === 'int') return String(value)
  if (type === 'bool') return value === true ? 'true' : 'false'
  return type === 'jsonb' ? `${quoted(JSON.stringify(value))}::jsonb` : quoted(String(value))
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
