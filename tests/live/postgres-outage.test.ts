import { eventually, ledgerSchema, startLedgerServer, startPostgres } from '@lockstep/testing'
import postgres from 'postgres'
import { expect, test } from 'vitest'
import { ledgerClient } from './ledger-client.ts'
import { openLedger, rooms, seeded, totalBalance, writeOnce } from './ledger-writer.ts'
import { Witness } from './witness.ts'

test('Postgres killed and restarted under a running server: it reconnects, nothing is lost', async () => {
  // Durable: what a test cluster would lose in a crash is not what this test is about.
  const cluster = await startPostgres({ fsync: 'on', full_page_writes: 'on' })
  const sql = postgres(cluster.url, { max: 6, onnotice: () => {} })
  await sql.unsafe(ledgerSchema)
  await openLedger(sql)
  const server = await startLedgerServer({ database: cluster.url })
  const client = ledgerClient('user1', server.port)
  try {
    const witness = new Witness(client, rooms, totalBalance)
    await witness.ready
    const pick = seeded(11)
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 40; i++) await writeOnce(sql, pick)
      await cluster.kill()
      await cluster.start()
      await eventually(() => writeOnce(sql, pick), { timeoutMs: 20_000 })
      for (let i = 0; i < 40; i++) await writeOnce(sql, pick)
    }
    const totals = await sql`SELECT room, entries, amount, version FROM totals ORDER BY room`
    const accounts = await sql`SELECT id, room, owner, balance FROM accounts ORDER BY id`
    await eventually(
      () => {
        expect(witness.rows().totals).toEqual([...totals])
        expect(witness.rows().accounts).toEqual([...accounts])
      },
      { timeoutMs: 20_000 },
    )
    expect(witness.broken).toEqual([])
    expect((await server.status()).resets, 'the log went on').toBe(0)
  } finally {
    client.close()
    await server.kill()
    await sql.end({ timeout: 1 })
    await cluster.kill()
  }
}, 120_000)
