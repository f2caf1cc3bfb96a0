import postgres, { type Sql } from 'postgres'
import { type Operation, type Outcome, sqlOf } from './operation.ts'

/** A connection to a real Postgres: one statement at a time. */
export class RealSession {
  readonly #sql: Sql
  readonly pid: number
  /** Of the last statement; undefined while it is under way. */
  outcome: Outcome | undefined
  #running: Promise<void> = Promise.resolve()

  static async open(url: string): Promise<RealSession> {
    const sql = postgres(url, { max: 1, onnotice: () => {}, idle_timeout: 0, max_lifetime: null })
    // A deadlock is only looked for where one is meant: who looks first is the one that it ends.
    const [row] = await sql<
      { pid: number }[]
    >`SELECT pg_backend_pid() AS pid, set_config('deadlock_timeout', '1h', false)`
    await sql`SET synchronous_commit = 'on'`
    return new RealSession(sql, row?.pid ?? 0)
  }

  private constructor(sql: Sql, pid: number) {
    this.#sql = sql
    this.pid = pid
  }

  /** `closesCircle`: it will wait for itself, and is to find out. */
  start(operation: Operation, closesCircle: boolean): void {
    this.outcome = undefined
    this.#running = this.#run(operation, closesCircle).then(
      (gave) => {
        this.outcome = { gave }
      },
      (error: unknown) => {
        this.outcome = {
          error: error instanceof Error && 'code' in error ? String(error.code) : String(error),
        }
      },
    )
  }

  /** Resolves when the statement has ended. */
  ended(): Promise<void> {
    return this.#running
  }

  async close(): Promise<void> {
    await this.#sql.end({ timeout: 0 })
  }

  async #run(operation: Operation, closesCircle: boolean): Promise<unknown> {
    if (closesCircle) await this.#sql.unsafe(`SET LOCAL deadlock_timeout = '1ms'`)
    const result = await this.#sql.unsafe<{ row?: unknown }[]>(sqlOf(operation))
    switch (operation.kind) {
      case 'get':
      case 'lock':
        return result[0]?.row ?? null
      case 'insert':
      case 'update':
      case 'delete':
        return result.count
      default:
        return null
    }
  }
}
