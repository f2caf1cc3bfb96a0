import postgres from 'postgres'
import { afterAll, describe, expect, it } from 'vitest'
import { createDatabase } from './database.ts'

const admin = await createDatabase()
const sql = postgres(admin.url, { max: 1, onnotice: () => {} })
afterAll(async () => {
  await sql.end()
  await admin.drop()
})

const exists = async (name: string): Promise<boolean> =>
  (await sql`SELECT FROM pg_database WHERE datname = ${name}`).length > 0

describe('createDatabase', () => {
  it('gives each caller an empty database of its own, fit for logical replication', async () => {
    const other = await createDatabase()
    expect(other.name).not.toBe(admin.name)
    const inOther = postgres(other.url, { max: 1 })
    await inOther`CREATE TABLE only_here (id int)`
    await inOther.end()
    const [row] = await sql`SELECT to_regclass('only_here') AS it, current_setting('wal_level') AS level`
    expect(row).toEqual({ it: null, level: 'logical' })
    await other.drop()
    expect(await exists(other.name)).toBe(false)
  })

  it('drops a database that has connections and replication slots', async () => {
    const other = await createDatabase()
    const inOther = postgres(other.url, { max: 1, onnotice: () => {} })
    await inOther`SELECT pg_create_logical_replication_slot(${`slot_${other.name}`}, 'pgoutput')`
    await other.drop()
    expect(await exists(other.name)).toBe(false)
    const slots = await sql`SELECT FROM pg_replication_slots WHERE slot_name = ${`slot_${other.name}`}`
    expect(slots).toHaveLength(0)
    await inOther.end({ timeout: 0 })
  })
})
