import { setTimeout as wait } from 'node:timers/promises'
import type { Sql } from 'postgres'
import type { HistoryEvent } from '../history/history.ts'
import type { Clients } from './clients.ts'
import { rooms } from './opening.ts'
import type { PageStanding, RoomState } from './page.ts'
import type { Rights } from './rights.ts'
import type { BankServer } from './server.ts'
import type { ServerFacts } from './server-main.ts'

export interface End {
  readonly pages: readonly PageStanding[]
  readonly facts: ServerFacts
  /** Whether everything had come to rest in time. */
  readonly settled: boolean
}

const lookMs = 500

/** Waits until every page shows what there is, in vain for `patienceMs` at most. */
export async function settle(
  parts: {
    readonly clients: Clients
    readonly server: BankServer
    readonly rights: Rights
    readonly sql: Sql
  },
  patienceMs: number,
  progress: (line: string) => void,
): Promise<End> {
  const { clients, server, rights, sql } = parts
  const userOf = new Map(clients.slots.map(({ client, user }) => [client, user]))
  const deadline = performance.now() + patienceMs
  for (;;) {
    const versions = new Map(
      (await sql<{ id: string; version: number }[]>`SELECT id, version FROM rooms`).map(({ id, version }) => [
        id,
        version,
      ]),
    )
    const facts = await server.facts()
    const pages = await clients.standing()
    const settled = pages.every(
      (page) =>
        page.pendingWrites === 0 &&
        rooms.every((room) => {
          const standing = page.rooms[room]
          if (standing === undefined) return false
          const seen = rights.get(userOf.get(page.client) ?? '', room) !== false
          if (!seen) return standing.state !== 'live' && standing.view === undefined
          return (
            standing.state === 'live' &&
            standing.view?.version === versions.get(room) &&
            isSame(standing.locks, facts.held[room] ?? {}) &&
            isSameList(standing.present, thereIn(room, pages, facts))
          )
        }),
    )
    if (settled) return { pages, facts, settled }
    if (performance.now() > deadline) {
      for (const line of await sessionsOf(sql)) progress(line)
      return { pages, facts, settled }
    }
    await wait(lookMs)
  }
}

/** What the database is busy with, for whoever wants to know why nothing moves. */
async function sessionsOf(sql: Sql): Promise<string[]> {
  const rows = await sql`
    SELECT pid, application_name AS name, state, wait_event AS waits, pg_blocking_pids(pid)::text AS behind,
      now() - xact_start AS open, left(query, 80) AS query
    FROM pg_stat_activity WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()`
  return rows.map((row) => JSON.stringify(row))
}

/** What every page shows at the end of a run. */
export function finals({ pages, facts }: End, at: number): HistoryEvent[] {
  return pages.flatMap((page) =>
    rooms.map((room): HistoryEvent => {
      const { state, view, locks, present } = page.rooms[room] ?? unknown
      return {
        kind: 'final',
        at,
        client: page.client,
        room,
        state,
        ...(view === undefined
          ? {}
          : { version: view.version, accounts: view.accounts, counters: view.counters }),
        locks: { shown: locks, held: facts.held[room] ?? {} },
        presence: { shown: present, there: thereIn(room, pages, facts) },
        pendingWrites: page.pendingWrites,
      }
    }),
  )
}

const unknown: RoomState = { state: 'idle', view: undefined, locks: {}, present: [] }

function thereIn(room: string, pages: readonly PageStanding[], { monitor }: ServerFacts): string[] {
  return [
    monitor,
    ...pages.filter((page) => page.rooms[room]?.state === 'live').map(({ session }) => session),
  ]
}

function isSame(left: Readonly<Record<string, string>>, right: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(left)
  return names.length === Object.keys(right).length && names.every((name) => left[name] === right[name])
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.toSorted().join(' ') === right.toSorted().join(' ')
}
