import { createClient, webSocketTransport } from '@lockstep/client'
import { defineSync } from '@lockstep/server'
import { eventually, startTestServer, withoutBrowser } from '@lockstep/testing'
import { afterEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { readText } from '../tree/source-tree.ts'

const example = 'docs/examples/testing/todos.test.ts'

test('the first test stands in docs/testing.md word for word', () => {
  expect(readText('docs/testing.md')).toContain(readText(example).trimEnd())
})

// As a reader runs it.
if (!withoutBrowser()) await import('../../docs/examples/testing/todos.test.ts')

const sync = defineSync({ channels: {}, collections: {} })
afterEach(() => {
  vi.restoreAllMocks()
})

test('a handler that fails is told, and answered', async () => {
  const told = vi.spyOn(console, 'error').mockReturnValue()
  const server = await startTestServer({
    sync,
    handler: () => {
      throw new Error('a fault of the application')
    },
  })
  expect((await fetch(`${server.address}/lists`)).status).toBe(500)
  expect(told.mock.calls.flat().map(String).join(' ')).toContain(
    'GET /lists: Error: a fault of the application',
  )
  await server.close()
})

test('a server closes although a client was left open', async () => {
  const server = await startTestServer({ sync })
  const client = createClient(
    { url: `${server.address}/lockstep`, session: server.sync.issueSession({ id: 'alice' }) },
    { transport: server.watch.transport(webSocketTransport(WebSocket)) },
  )
  await eventually(() => expect(server.sync.status().connections).toBe(1))
  await server.close()
  client.close()
}, 60_000)
