import { createClient } from '@lockstep/client'
import { defineSync } from '@lockstep/server'
import { eventually, startTestServer } from '@lockstep/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'

const sync = defineSync({
  channels: { 'project/:id': { authorize: () => true } },
  collections: {
    items: { table: 'items', channel: 'project/:project_id', columns: ['id', 'title', 'project_id'] },
  },
})

const { WebSocket } = globalThis
beforeEach(() => {
  // As Node before 22 is by itself.
  Reflect.deleteProperty(globalThis, 'WebSocket')
})
afterEach(() => {
  if (WebSocket !== undefined) globalThis.WebSocket = WebSocket
})

it('C5: a client in a Node without WebSockets takes an event stream from the start, and stays with it', async () => {
  const server = await startTestServer({
    sync,
    schema: 'CREATE TABLE items (id int PRIMARY KEY, title text, project_id int)',
  })
  const page = await server.sync.page({ id: 1 }, ['project/1'])
  const client = createClient<typeof sync>({ page: { ...page, url: `${server.address}/lockstep` } })
  try {
    const { items } = client.channel('project/1')
    await server.sql`INSERT INTO items VALUES (1, 'one', 1)`
    await eventually(() => expect(items.get(1)?.title).toBe('one'))
    expect(client.status).toMatchObject({ state: 'live', fallback: { carrier: 'event-stream' } })
  } finally {
    client.close()
    await server.close()
  }
})
