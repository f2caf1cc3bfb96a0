import { createDatabase, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { nodeRuntime } from '../runtime/node.ts'
import { loadSecret } from './secret.ts'
import { assertSecrets } from './token.ts'

let database: TestDatabase
let sql: postgres.Sql

beforeAll(async () => {
  database = await createDatabase()
  sql = postgres(database.url, { max: 5, onnotice: () => {} })
})

afterAll(async () => {
  await sql.end({ timeout: 5 })
  await database.drop()
})

it('makes one secret, however many nodes start at once, and keeps it', async () => {
  const secrets = await Promise.all(Array.from({ length: 10 }, () => loadSecret(sql, nodeRuntime)))
  expect(new Set(secrets).size).toBe(1)
  assertSecrets(secrets)
  expect(await loadSecret(sql, nodeRuntime)).toBe(secrets[0])
})

it('reads the secret with a role that may not create anything', async () => {
  const secret = await loadSecret(sql, nodeRuntime)
  const role = `reader_${database.name}`
  await sql.unsafe(`
    CREATE ROLE ${role} LOGIN PASSWORD 'reader';
    GRANT USAGE ON SCHEMA lockstep TO ${role};
    GRANT SELECT, INSERT ON lockstep.secrets TO ${role}`)
  const url = new URL(database.url)
  url.username = role
  url.password = 'reader'
  const reader = postgres(url.href, { max: 1 })
  try {
    expect(await loadSecret(reader, nodeRuntime)).toBe(secret)
  } finally {
    await reader.end({ timeout: 5 })
    await sql.unsafe(`DROP OWNED BY ${role}; DROP ROLE ${role}`)
  }
})
