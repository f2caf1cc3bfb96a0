import { collection, defineSync } from '@lockstep/server'
import { afterEach, expect, test, vi } from 'vitest'
import { freePort } from '../free-port.ts'
import { assertReachable } from './reachable.ts'
import { startTestServer } from './server.ts'
import { startSessions } from './sessions.ts'

const sync = defineSync({
  channels: { 'list/:id': { authorize: () => true } },
  collections: { todos: collection({ table: 'todos', channel: 'list/:list_id', columns: ['id'] }) },
})

afterEach(() => {
  vi.unstubAllEnvs()
})

test('a place that nobody answers at is named at once, without its password', async () => {
  const port = await freePort()
  const error: unknown = await assertReachable({
    Postgres: `postgres://me:secret@127.0.0.1:${port}/db`,
    'the application': `http://127.0.0.1:${port}`,
  }).catch((cause: unknown) => cause)
  expect(String(error)).toContain(`Postgres cannot be reached at 127.0.0.1:${port}: ECONNREFUSED`)
  expect(String(error)).toContain(`the application cannot be reached at 127.0.0.1:${port}`)
  expect(String(error)).not.toContain('secret')
})

test('what is no address is named', async () => {
  await expect(assertReachable({ 'the application': 'localhost:3000' })).rejects.toThrow(
    'the application has no address such as http://localhost:3000',
  )
})

test('a test server says what it did not start for', async () => {
  await expect(startTestServer({ sync, schema: 'CREATE TABLE' })).rejects.toThrow(
    'for the schema: syntax error',
  )
  await expect(startTestServer({ sync, fixtures: { todos: [{ id: 1 }] } })).rejects.toThrow(
    'for the fixtures',
  )
  await expect(startTestServer({ sync })).rejects.toThrow(/for the sync server: .*todos/)
  vi.stubEnv('LOCKSTEP_TEST_POSTGRES', `postgres://me@127.0.0.1:${await freePort()}/db`)
  await expect(startTestServer({ sync })).rejects.toThrow(
    'for the test database: The Postgres of LOCKSTEP_TEST_POSTGRES cannot be reached',
  )
})

test('browser sessions want an application that is there', async () => {
  const address = `http://127.0.0.1:${await freePort()}`
  await expect(startSessions({ address })).rejects.toThrow('the application cannot be reached')
})
