/**
 * Types of an external collection's columns, by Postgres' names. `json` takes any JSON value.
 */
export type ExternalType =
  | 'boolean'
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'real'
  | 'double precision'
  | 'numeric'
  | 'text'
  | 'uuid'
  | 'date'
  | 'timestamp without time zone'
  | 'timestamp with time zone'
  | 'jsonb'
  | 'json'

const externalTypes: ReadonlySet<string> = new Set<ExternalType>([
  'boolean',
  'smallint',
  'integer',
  'bigint',
  'real',
  'double precision',
  'numeric',
  'text',
  'uuid',
  'date',
  'timestamp without time zone',
  'timestamp with time zone',
  'jsonb',
  'json',
])

/** What keys may be made of: publishers name rows by text, which must be the same in Postgres and in JSON. */
const keyTypes: ReadonlySet<string> = new Set<ExternalType>([
  'smallint',
  'integer',
  'bigint',
  'numeric',
  'text',
  'uuid',
  'date',
])

export interface ExternalColumn {
  readonly name: string
  readonly type: ExternalType
}

/** Postgres cuts longer names of tables, in bytes. */
const tableLengthMax = 63

/**
 * The table that Lockstep makes for an external collection.
 * @throws Error naming what is wrong with the columns
 */
export function externalTable(
  who: string,
  name: string,
  external: Readonly<Record<string, ExternalType>>,
  key: readonly string[],
): { readonly schema: string; readonly table: string; readonly columns: readonly ExternalColumn[] } {
  const columns = Object.entries(external).map(([column, type]): ExternalColumn => {
    if (!externalTypes.has(type)) {
      throw new Error(
        `${who} gives its column "${column}" the type "${type}"; use one of ${[...externalTypes].join(', ')}.`,
      )
    }
    if (key.includes(column) && !keyTypes.has(type)) {
      throw new Error(
        `${who} has a key column "${column}" of type ${type}, which has more than one spelling; use one of ${[...keyTypes].join(', ')}.`,
      )
    }
    return { name: column, type }
  })
  const table = `external_${name}`
  if (table.length > tableLengthMax) {
    throw new Error(`${who} has a name of more than ${tableLengthMax - 9} characters; shorten it.`)
  }
  return { schema: 'lockstep', table, columns }
}
