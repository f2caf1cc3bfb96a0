import type { Sql } from 'postgres'
import { bankSchema } from '../bank/bank.ts'
import type { Begin } from '../history/history.ts'
import { journalSchema } from './commit.ts'

export const rooms: readonly string[] = ['a', 'b', 'c', 'd']
const accountsPerRoom = 4
const openingBalance = 100
export const countersPerRoom = 2

/** Makes the tables and the first rows. Returns what there is in each room. */
export async function openBank(sql: Sql): Promise<Begin['rooms']> {
  await sql.unsafe(bankSchema)
  await sql.unsafe(journalSchema)
  const opened: Record<string, Record<string, number>> = {}
  let id = 0
  for (const room of rooms) {
    await sql`INSERT INTO rooms VALUES (${room}, 0)`
    const accounts: Record<string, number> = {}
    for (let i = 0; i < accountsPerRoom; i++) {
      id++
      await sql`INSERT INTO accounts VALUES (${id}, ${room}, ${openingBalance}, ${`secret-${room}-0`})`
      accounts[id] = openingBalance
    }
    for (let i = 0; i < countersPerRoom; i++)
      await sql`INSERT INTO counters VALUES (${`${room}-${i}`}, ${room}, 0)`
    opened[room] = accounts
  }
  return opened
}
