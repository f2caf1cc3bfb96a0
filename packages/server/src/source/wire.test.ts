import { connect, createServer, type Socket } from 'node:net'
import { createDatabase, eventually } from '@lockstep/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { SourceHarness } from './harness.ts'

let harness: SourceHarness
beforeEach(async () => {
  harness = await SourceHarness.open(await createDatabase())
})
afterEach(() => harness.close())

/** A way to Postgres on which bytes come up that it did not send: in the replication connection, between messages. */
async function brokenWay(
  targetPort: number,
): Promise<{ port: number; insert(bytes: Buffer): void; close(): void }> {
  const replicating = new Set<Socket>()
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1')
    client.once('data', (start: Buffer) => {
      if (start.includes('replication')) replicating.add(client)
    })
    for (const socket of [client, target]) {
      open.add(socket)
      socket.on('error', () => {}) // the other end hangs up
      socket.on('close', () => {
        open.delete(socket)
        replicating.delete(socket)
        client.destroy()
        target.destroy()
      })
    }
    client.pipe(target)
    target.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The way has no port.')
  return {
    port: address.port,
    insert(bytes) {
      for (const socket of replicating) socket.write(bytes)
    },
    close() {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}

it.each<[string, Buffer]>([
  ['a message of no length', Buffer.from('d\0\0\0\0')],
  ['a message of 4 GB', Buffer.from('64ffffffff', 'hex')],
  [
    'a row of a table that was never described',
    Buffer.from('d\0\0\0\x24w'.padEnd(30, '\0').concat('I\0\0\0\x01N\0')),
  ],
  ['a piece of a transaction', Buffer.from('d\0\0\0\x37w'.padEnd(30, '\0').concat('C'.padEnd(26, '\0')))],
  [
    'a sign of life from where no log reaches',
    Buffer.from('d\0\0\0\x16k\xff\xff\xff\xff'.padEnd(23, '\0'), 'latin1'),
  ],
  ['half of a message of the stream', Buffer.from('d\0\0\0\x08w\0\0\0')],
  ['bytes that are no message', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
])(
  'G2, G3: %s from Postgres begins the stream anew, and nothing is lost or comes twice',
  async (_what, bytes) => {
    const url = new URL(harness.database.url)
    const way = await brokenWay(Number(url.port))
    url.port = String(way.port)
    const { source, sink, lines } = await harness.start({ url: url.href })
    await harness.sql`INSERT INTO tasks VALUES (1, 1)`
    await source.barrier()
    way.insert(bytes)
    await eventually(() =>
      expect(lines.join('\n')).toMatch(/stream ended: (a message|a piece|an LSN)|relation \d+ was never/),
    )
    await harness.sql`INSERT INTO tasks VALUES (2, 1)`
    await eventually(() => source.barrier())
    expect(sink.events.map(({ after }) => after?.[0])).toEqual(['1', '2'])
    expect(sink.epochs).toHaveLength(1)
    await source.close()
    way.close()
  },
)
