import { once } from 'node:events'
import { createServer } from 'node:http'
import { eventually } from '@lockstep/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { listen } from '../load/listen.ts'
import { StormClient } from './storm-client.ts'

const http = createServer()
const server = new WebSocketServer({ server: http })
const clients: StormClient[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.cut(true)
})

async function connected(): Promise<{ client: StormClient; socket: WebSocket; told: { live: number } }> {
  const port = http.listening ? Number(Object(http.address()).port) : await listen(http)
  const told = { live: 0 }
  const client = new StormClient(port, 'project/1', 'token', {
    live: () => told.live++,
    failed: (error) => {
      throw error
    },
  })
  clients.push(client)
  client.connect()
  const [socket]: WebSocket[] = await once(server, 'connection')
  if (socket === undefined) throw new Error('no socket')
  return { client, socket, told }
}

const snapshot = {
  type: 'snapshot',
  channel: 'project/1',
  position: 'e.10',
  collections: { items: { columns: ['id', 'title'], key: [0], rows: [[1, 'one']] } },
}
const live = { type: 'live', channel: 'project/1', position: 'e.10' }

function update(prev: string, position: string, title: string): object {
  const changes = { items: { update: { '1': { title } } } }
  return { type: 'transaction', channel: 'project/1', prev, position, at: 0, changes }
}

function send(socket: WebSocket, ...messages: readonly object[]): void {
  for (const message of messages) socket.send(JSON.stringify(message))
}

describe('the client of the storm', () => {
  it('keeps the rows of an unbroken stream and finds nothing wrong', async () => {
    const { client, socket, told } = await connected()
    send(socket, snapshot, live, update('e.10', 'e.20', 'two'), update('e.20', 'e.2f', 'three'))
    await eventually(() => client.rows.get('1') === 'three')
    expect(client).toMatchObject({ missed: 0, doubled: 0, resets: 0, snapshots: 1 })
    expect(told.live).toBe(1)
  })

  it('G2: sees a message that is missing', async () => {
    const { client, socket } = await connected()
    send(socket, snapshot, live, update('e.20', 'e.30', 'two'))
    await eventually(() => client.rows.get('1') === 'two')
    expect(client).toMatchObject({ missed: 1, doubled: 0 })
  })

  it('G3: sees a message that comes twice', async () => {
    const { client, socket } = await connected()
    send(socket, snapshot, live, update('e.10', 'e.20', 'two'), update('e.10', 'e.20', 'again'))
    await eventually(() => client.rows.get('1') === 'again')
    expect(client).toMatchObject({ missed: 0, doubled: 1 })
  })
})
