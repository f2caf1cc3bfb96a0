import type { SessionEvent } from '@lockstep/server'
import type { Sql } from 'postgres'

/** A table of what is known of each session, as an application would keep it. */
export const sessionStatesSchema = (table: string): string =>
  `CREATE TABLE ${table} (session text PRIMARY KEY, kind text NOT NULL, number bigint NOT NULL)`

/** What has happened to a session, unless something newer has. */
export async function recordSession(sql: Sql, table: string, event: SessionEvent): Promise<void> {
  await sql`
    INSERT INTO ${sql(table)} AS known (session, kind, number)
    VALUES (${event.session}, ${event.kind}, ${String(event.number)}::bigint)
    ON CONFLICT (session) DO UPDATE SET kind = EXCLUDED.kind, number = EXCLUDED.number
    WHERE known.number < EXCLUDED.number`
}

/** At the start: a server before this one may have been killed, and then said nothing. @see docs/protocol.md S6 */
export async function forgetConnected(sql: Sql, table: string, firstNumber: number): Promise<void> {
  await sql`
    UPDATE ${sql(table)} SET kind = 'disconnected'
    WHERE number < ${String(firstNumber)}::bigint AND kind IN ('subscribe', 'restored')`
}
