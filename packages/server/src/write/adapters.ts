import type { Execute, Transactions } from './write.ts'

/** As much of a `pg` pool as is needed. */
export interface PgPool<Client extends PgClient = PgClient> {
  connect(): Promise<Client>
}

export interface PgClient {
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }>
  release(error?: boolean): void
}

/** Transactions of a `pg` pool: `server.via(pgTransactions(pool)).write(request, (tx) => tx.sql.query(...))`. */
export function pgTransactions<Client extends PgClient>(pool: PgPool<Client>): Transactions<Client> {
  return {
    async transaction(run, isolation) {
      const client = await pool.connect()
      let isBroken = false
      try {
        await client.query(isolation === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${isolation}`)
        await run(client, async (statement, values) => rowsOf(await client.query(statement, [...values])))
        await client.query('COMMIT')
      } catch (error) {
        await client.query('ROLLBACK').catch(() => {
          isBroken = true
        })
        throw error
      } finally {
        client.release(isBroken)
      }
    },
  }
}

/** As much of a Drizzle database as is needed, whatever its driver. */
export interface DrizzleDatabase<Tx extends DrizzleTransaction> {
  transaction<T>(run: (tx: Tx) => Promise<T>, config?: DrizzleConfig): Promise<T>
}

export interface DrizzleTransaction {
  // Drizzle's own type of a statement, which `sql` below makes.
  execute(statement: never): Promise<unknown>
}

export interface DrizzleConfig {
  readonly isolationLevel?: 'read committed' | 'repeatable read' | 'serializable'
}

/** Drizzle's `sql`. */
export interface DrizzleSql {
  (strings: TemplateStringsArray, ...values: unknown[]): unknown
  raw(text: string): unknown
}

/** Transactions of Drizzle: `server.via(drizzleTransactions(db, sql))`, with `sql` from `drizzle-orm`. */
export function drizzleTransactions<Tx extends DrizzleTransaction>(
  database: DrizzleDatabase<Tx>,
  sql: DrizzleSql,
): Transactions<Tx> {
  return {
    async transaction(run, isolation) {
      // `isolation` is one of the three names: `WriteOptions` has no others.
      const config = isolation === undefined ? undefined : ({ isolationLevel: isolation } as DrizzleConfig)
      await database.transaction((tx) => run(tx, drizzleExecute(tx, sql)), config)
    },
  }
}

function drizzleExecute(tx: DrizzleTransaction, sql: DrizzleSql): Execute {
  return async (statement, values) => {
    const texts = statement.split(/\$(\d+)/)
    const strings: string[] = ['']
    const chunks: unknown[] = []
    // Odd places hold the numbers of parameters, even ones the text between them.
    texts.forEach((text, i) => {
      chunks.push(i % 2 === 1 ? values[Number(text) - 1] : sql.raw(text))
      strings.push('')
    })
    // A template of nothing but values; that is what Drizzle's tag takes.
    const template = Object.assign(strings, { raw: strings }) as unknown as TemplateStringsArray
    // `sql` made it, so it is a statement of Drizzle's.
    return rowsOf(await tx.execute(sql(template, ...chunks) as never))
  }
}

/** Rows of a result: some drivers give them bare, others in an object. */
function rowsOf(result: unknown): Awaited<ReturnType<Execute>> {
  const rows = typeof result === 'object' && result !== null && 'rows' in result ? result.rows : result
  return Array.isArray(rows) ? rows : []
}
