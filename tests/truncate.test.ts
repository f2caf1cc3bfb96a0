import { collection, defineSync } from '@lockstep/server'
import { startTestServer } from '@lockstep/testing'
import { expect, it } from 'vitest'
import { RawClient } from './wire/raw-client.ts'

it('R1: a truncated table resets the channels that its rows may be in, and no other', async () => {
  const server = await startTestServer({
    sync: defineSync({
      channels: { 'room/:id': { authorize: () => true }, 'team/:id': { authorize: () => true } },
      collections: {
        notes: collection({ table: 'notes', channel: 'room/:room', columns: ['id'] }),
        members: collection({ table: 'members', channel: 'team/:team', columns: ['id'] }),
      },
    }),
    schema: `
      CREATE TABLE notes (id int PRIMARY KEY, room int); CREATE TABLE members (id int PRIMARY KEY, team int);
      INSERT INTO notes VALUES (1, 1); INSERT INTO members VALUES (1, 1)`,
  })
  const client = new RawClient(`${server.address}/lockstep`)
  try {
    const channels = ['room/1', 'room/2', 'team/1']
    client.send(
      { type: 'hello', version: 1, token: server.sync.issueSession({ id: 1 }).token },
      ...channels.map((channel, id) => ({ type: 'subscribe', id, channel })),
    )
    for (const _ of channels) await client.next('live')
    await server.sql`TRUNCATE notes`
    for (const _ of ['room/1', 'room/2']) await client.next('live')
    await server.sql`INSERT INTO notes VALUES (2, 1)`
    const { channel, changes } = await client.next('transaction')
    expect([channel, changes]).toEqual(['room/1', { notes: { create: { 2: { id: 2 } } } }])
    const resets = client.messages.flatMap((message) => (message.type === 'reset' ? [message] : []))
    expect(resets).toEqual([
      { type: 'reset', channel: 'room/1', reason: 'truncated' },
      { type: 'reset', channel: 'room/2', reason: 'truncated' },
    ])
  } finally {
    client.end()
    await server.close()
  }
}, 60_000)
