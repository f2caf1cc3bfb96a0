import type { Sql, TransactionSql } from 'postgres'

export const rooms: readonly string[] = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
export const accountsPerRoom = 5
export const totalBalance = rooms.length * accountsPerRoom * 100

/** The ledger's first rows. */
export async function openLedger(sql: Sql): Promise<void> {
  await sql.begin(async (tx) => {
    let id = 0
    for (const room of rooms) {
      await tx`INSERT INTO totals VALUES (${room}, 0, 0, 0)`
      for (let i = 0; i < accountsPerRoom; i++) {
        id++
        await tx`INSERT INTO accounts VALUES (${id}, ${room}, ${`owner${id % 7}`}, 100, 'the secret column')`
      }
    }
  })
}

/** mulberry32: the same numbers for the same seed. */
export function seeded(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4_294_967_296) * below)
  }
}

/** One random commit: a transfer, a move between rooms, entries made, changed, moved and destroyed. */
export async function writeOnce(sql: Sql, pick: (below: number) => number): Promise<void> {
  const room = rooms[pick(rooms.length)] ?? 'a'
  const other = rooms[pick(rooms.length)] ?? 'b'
  const accounts = rooms.length * accountsPerRoom
  const kind = pick(6)
  try {
    await sql.begin(async (tx) => {
      if (kind === 0) await transfer(tx, 1 + pick(accounts), 1 + pick(accounts), pick(20))
      else if (kind === 1) await tx`UPDATE accounts SET room = ${room} WHERE id = ${1 + pick(accounts)}`
      else await changeEntries(tx, kind, room, other, pick)
      if (pick(12) === 0) throw new RolledBack()
    })
  } catch (error) {
    // Deadlocks are the database's answer to colliding writers, and roll back like our own.
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (!(error instanceof RolledBack) && code !== '40P01') throw error
  }
}

class RolledBack extends Error {}

async function transfer(tx: TransactionSql, from: number, to: number, amount: number): Promise<void> {
  await tx`UPDATE accounts SET balance = balance - ${amount} WHERE id = ${from}`
  await tx`UPDATE accounts SET balance = balance + ${amount} WHERE id = ${to}`
}

async function changeEntries(
  tx: TransactionSql,
  kind: number,
  room: string,
  other: string,
  pick: (below: number) => number,
): Promise<void> {
  const amount = 1 + pick(50)
  const touched = kind === 5 ? [room, other] : [room]
  // Totals first, in one order: their row locks put the commits of a room in line.
  for (const each of [...new Set(touched)].sort())
    await tx`SELECT 1 FROM totals WHERE room = ${each} FOR UPDATE`
  if (kind === 2 || kind === 3) {
    await tx`INSERT INTO entries (room, amount) VALUES (${room}, ${amount}), (${room}, ${amount + 1})`
    if (kind === 3)
      await tx`DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE room = ${room} ORDER BY id LIMIT 3)`
  } else if (kind === 4) {
    await tx`UPDATE entries SET amount = amount + ${amount} WHERE room = ${room} AND id % 3 = 0`
  } else {
    await tx`UPDATE entries SET room = ${other} WHERE id IN (SELECT id FROM entries WHERE room = ${room} ORDER BY id LIMIT 2)`
  }
  for (const each of new Set(touched)) {
    await tx`
      UPDATE totals SET version = version + 1,
        entries = (SELECT count(*) FROM entries WHERE room = ${each}),
        amount = (SELECT coalesce(sum(amount), 0) FROM entries WHERE room = ${each})
      WHERE room = ${each}`
  }
}
