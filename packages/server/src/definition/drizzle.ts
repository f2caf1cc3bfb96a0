/**
 * A Drizzle table as far as Lockstep looks at it, told by structure so that Drizzle stays the
 * application's own dependency.
 */
export interface DrizzleTable {
  readonly _: { readonly columns: Readonly<Record<string, DrizzleColumn>> }
}

export interface DrizzleColumn {
  readonly _: {
    readonly name: string
    readonly data: unknown
    readonly notNull: boolean
    readonly columnType: string
  }
}

/**
 * Rows of a Drizzle table as clients get them: by database names, as JSON. Dates and numbers that a
 * JavaScript number cannot hold arrive as text, whatever the mode of the Drizzle column.
 */
export type RowOf<T extends DrizzleTable> = {
  readonly [K in keyof T['_']['columns'] as T['_']['columns'][K]['_']['name']]: ValueOf<
    T['_']['columns'][K]['_']
  >
}

type ValueOf<C extends DrizzleColumn['_']> = C['notNull'] extends true ? JsonOf<C> : JsonOf<C> | null

type JsonOf<C extends DrizzleColumn['_']> = C['columnType'] extends `PgNumeric${string}` | `PgBigInt${string}`
  ? string
  : C['columnType'] extends `PgBigSerial${string}`
    ? string
    : JsonValue<C['data']>

type JsonValue<V> = V extends Date | bigint | Uint8Array ? string : V

/** Table, schema and columns (database names) of a Drizzle table; undefined for anything else. */
export function readDrizzleTable(
  table: object,
): { readonly schema: string; readonly table: string; readonly columns: readonly string[] } | undefined {
  const name = symbolOf(table, 'drizzle:Name')
  const schema = symbolOf(table, 'drizzle:Schema')
  const columns = symbolOf(table, 'drizzle:Columns')
  if (typeof name !== 'string' || typeof columns !== 'object' || columns === null) return undefined
  const names: string[] = []
  for (const column of Object.values(columns)) {
    const columnName: unknown = column?.name
    if (typeof columnName !== 'string') return undefined
    names.push(columnName)
  }
  return { schema: typeof schema === 'string' ? schema : 'public', table: name, columns: names }
}

function symbolOf(table: object, name: string): unknown {
  return Reflect.get(table, Symbol.for(name))
}
