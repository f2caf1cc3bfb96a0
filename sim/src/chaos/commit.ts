import { randomBytes } from 'node:crypto'
import type { JSONValue, TransactionSql } from 'postgres'
import { entriesMax } from '../bank/bank.ts'

/** Beside the bank's own tables: what was committed, kept whole, and numbers that rise from commit to commit. */
export const journalSchema = `
  CREATE TABLE journal (commit text PRIMARY KEY, at timestamptz NOT NULL, write text, session text, rooms jsonb NOT NULL,
    counter jsonb, operation jsonb, truncated text);
  CREATE SEQUENCE notes;
  CREATE SEQUENCE account_ids START 1000;
`

export interface Account {
  readonly id: number
  readonly room: string
  readonly balance: number
}

/** Characters of filling in the memo of a large row, at most. */
export const fillingCharsMax = 20_000

/** What a commit makes of accounts: their rows after it, and those that are closed. */
export interface Change {
  readonly after: readonly Account[]
  readonly closed: readonly Account[]
}

export interface CommitFacts {
  readonly commit: string
  /** In these rooms, all accounts that change are. */
  readonly rooms: readonly string[]
  readonly write?: string | undefined
  readonly session?: string | undefined
  /** Raises this counter of the first room. */
  readonly counter?: string | undefined
  /** Whether `bank/note` is told. */
  readonly notes: boolean
  /** Makes the memos of these accounts as long as that. */
  readonly fillingChars?: number
  decide(accounts: readonly Account[], newId: () => Promise<number>): Promise<Change>
}

/** What was committed, for those who tell it. */
export interface Committed {
  readonly operation: { readonly n: number; readonly rooms: readonly string[] } | undefined
  readonly counter: { readonly id: string; readonly room: string; readonly n: number } | undefined
}

/**
 * One commit of the bank. The rows of its rooms are locked first, in one order, and held to the end: so the commits of a
 * room are in line, and the time in the journal, taken after the locks, rises along each room's line.
 */
export async function commitBank(tx: TransactionSql, facts: CommitFacts): Promise<Committed> {
  const rooms = [...new Set(facts.rooms)].sort()
  const locked = await tx<{ id: string; version: number }[]>`
    SELECT id, version FROM rooms WHERE id = ANY(${rooms}) ORDER BY id FOR UPDATE`
  const [drawn] = await tx<{ at: string; n: string }[]>`
    SELECT clock_timestamp()::text AS at, nextval('notes') AS n`
  const before = await tx<Account[]>`
    SELECT id, room, balance FROM accounts WHERE room = ANY(${rooms}) ORDER BY id`
  const versions = new Map(locked.map(({ id, version }) => [id, version + 1]))
  const { after, closed } = await facts.decide(before, async () => {
    const [row] = await tx<{ id: string }[]>`SELECT nextval('account_ids') AS id`
    return Number(row?.id)
  })
  const touched = new Map(rooms.map((room) => [room, {} as Record<string, number | null>]))
  const former = new Map(before.map((account) => [account.id, account]))
  for (const { id, room } of closed) {
    await tx`DELETE FROM accounts WHERE id = ${id}`
    Object.assign(touched.get(room) ?? {}, { [id]: null })
  }
  const { fillingChars = 0 } = facts
  // What cannot be compressed is stored beside its row.
  const filling = fillingChars === 0 ? '' : `-${randomBytes(fillingChars / 2).toString('hex')}`
  for (const { id, room, balance } of after) {
    const stays = former.get(id)?.room === room
    if (stays && facts.fillingChars === undefined) {
      await tx`UPDATE accounts SET balance = ${balance} WHERE id = ${id}`
      Object.assign(touched.get(room) ?? {}, { [id]: balance })
      continue
    }
    const memo = `secret-${room}-${versions.get(room)}${filling}`
    await tx`
      INSERT INTO accounts VALUES (${id}, ${room}, ${balance}, ${memo})
      ON CONFLICT (id) DO UPDATE SET room = excluded.room, balance = excluded.balance, memo = excluded.memo`
    const from = former.get(id)?.room
    if (from !== undefined && from !== room) Object.assign(touched.get(from) ?? {}, { [id]: null })
    Object.assign(touched.get(room) ?? {}, { [id]: balance })
  }
  for (const [room, version] of versions) {
    await tx`UPDATE rooms SET version = ${version} WHERE id = ${room}`
    await tx`
      INSERT INTO entries VALUES (${`${room}-${version}`}, ${room}, ${version}, ${facts.commit},
        ${tx.json(touched.get(room) ?? {})})`
    await tx`DELETE FROM entries WHERE room = ${room} AND version <= ${version - entriesMax}`
  }
  const counter = await raise(tx, rooms[0] ?? '', facts.counter)
  const operation = facts.notes ? { n: Number(drawn?.n), rooms } : undefined
  const told = Object.fromEntries(
    [...versions].map(([room, version]) => [room, { version, accounts: touched.get(room) ?? {} }]),
  )
  await tx`
    INSERT INTO journal VALUES (${facts.commit}, ${drawn?.at ?? null}::timestamptz, ${facts.write ?? null},
      ${facts.session ?? null}, ${tx.json(told)}, ${jsonOrNull(tx, counter)}, ${jsonOrNull(tx, operation)})`
  return { operation, counter }
}

/** Empties the entries of all rooms, as a commit that touches none of them. */
export async function truncateEntries(tx: TransactionSql, commit: string): Promise<void> {
  await tx`SELECT 1 FROM rooms ORDER BY id FOR UPDATE`
  await tx`
    INSERT INTO journal VALUES (${commit}, clock_timestamp(), NULL, NULL, ${tx.json({})}, NULL, NULL, 'entries')`
  await tx`TRUNCATE entries`
}

async function raise(
  tx: TransactionSql,
  room: string,
  counter: string | undefined,
): Promise<Committed['counter']> {
  if (counter === undefined) return undefined
  const [row] = await tx<{ n: number }[]>`
    UPDATE counters SET n = n + 1 WHERE id = ${counter} AND room = ${room} RETURNING n`
  if (row === undefined) throw new Error(`There is no counter ${counter} in ${room}.`)
  return { id: counter, room, n: row.n }
}

function jsonOrNull(tx: TransactionSql, value: JSONValue | undefined): ReturnType<typeof tx.json> | null {
  return value === undefined ? null : tx.json(value)
}
