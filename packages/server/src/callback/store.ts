import type { Sql } from 'postgres'
import { type OwnTable, withTable } from '../setup/own-table.ts'
import type { CallbackEvent } from './callback.ts'

/** Sessions that the backend let in and has not been told the end of. */
const sessionsTable: OwnTable = {
  name: 'lockstep.callback_sessions',
  create: [
    `CREATE TABLE lockstep.callback_sessions (
  slot text NOT NULL,
  session text NOT NULL,
  user_id text NOT NULL,
  number bigint NOT NULL,
  connected boolean NOT NULL,
  PRIMARY KEY (slot, session)
)`,
  ],
}

/** Events that the backend has not taken yet. */
const eventsTable: OwnTable = {
  name: 'lockstep.callbacks',
  create: [
    `CREATE TABLE lockstep.callbacks (
  slot text NOT NULL,
  session text NOT NULL,
  number bigint NOT NULL,
  kind text NOT NULL,
  user_id text NOT NULL,
  at bigint NOT NULL,
  PRIMARY KEY (slot, session, number)
)`,
  ],
}

export interface OpenSession {
  readonly session: string
  readonly user: string
  /** Of its last event. */
  readonly number: number
  readonly connected: boolean
}

/** Makes the tables of callbacks where they are missing. */
export async function prepareCallbacks(sql: Sql): Promise<void> {
  for (const table of [sessionsTable, eventsTable]) await withTable(sql, table, () => Promise.resolve())
}

/** What must outlive the process. A slot has its own: one server reads it. */
export class CallbackStore {
  readonly #sql: Sql
  readonly #slot: string

  constructor(sql: Sql, slot: string) {
    this.#sql = sql
    this.#slot = slot
  }

  async load(): Promise<{
    readonly sessions: readonly OpenSession[]
    readonly events: readonly CallbackEvent[]
  }> {
    await prepareCallbacks(this.#sql)
    const sessions = await this.#sql<
      { session: string; user_id: string; number: string; connected: boolean }[]
    >`
      SELECT session, user_id, number::text, connected FROM lockstep.callback_sessions WHERE slot = ${this.#slot}`
    const events = await this.#sql<
      { session: string; user_id: string; number: string; kind: CallbackEvent['kind']; at: string }[]
    >`SELECT session, user_id, number::text, kind, at::text FROM lockstep.callbacks
      WHERE slot = ${this.#slot} ORDER BY session, number`
    return {
      sessions: sessions.map(({ session, user_id: user, number, connected }) => {
        return { session, user, number: Number(number), connected }
      }),
      events: events.map(({ session, user_id: user, number, kind, at }) => {
        return { kind, session, user, number: Number(number), at: Number(at) }
      }),
    }
  }

  /** The backend has let the session in. */
  async opened({ session, user, number }: CallbackEvent): Promise<void> {
    await this.#sql`
      INSERT INTO lockstep.callback_sessions (slot, session, user_id, number, connected)
      VALUES (${this.#slot}, ${session}, ${user}, ${String(number)}::bigint, true)
      ON CONFLICT (slot, session) DO UPDATE SET number = EXCLUDED.number, connected = true`
  }

  /** Keeps an event until `taken`, and what it makes of its session, in one transaction. */
  async keep({ kind, session, user, number, at }: CallbackEvent): Promise<void> {
    await this.#sql.begin(async (sql) => {
      await sql`
        INSERT INTO lockstep.callbacks (slot, session, number, kind, user_id, at)
        VALUES (${this.#slot}, ${session}, ${String(number)}::bigint, ${kind}, ${user}, ${String(at)}::bigint)
        ON CONFLICT DO NOTHING`
      if (kind === 'logged_out') {
        await sql`DELETE FROM lockstep.callback_sessions WHERE slot = ${this.#slot} AND session = ${session}`
      } else {
        await sql`
          UPDATE lockstep.callback_sessions SET number = ${String(number)}::bigint, connected = ${kind === 'restored'}
          WHERE slot = ${this.#slot} AND session = ${session}`
      }
    })
  }

  /** The backend has taken it, or it was given up. */
  async taken({ session, number }: CallbackEvent): Promise<void> {
    await this.#sql`
      DELETE FROM lockstep.callbacks
      WHERE slot = ${this.#slot} AND session = ${session} AND number = ${String(number)}::bigint`
  }
}
