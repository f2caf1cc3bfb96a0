import { createServer } from 'node:http'
import { collection, createSyncServer, defineSync } from '@lockstep/server'
import { createDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { expect, it } from 'vitest'
import { RawClient } from './wire/raw-client.ts'

/** Type, SQL value, and the JSON that the protocol's table says it becomes. */
const values: readonly (readonly [type: string, sql: string, json: unknown])[] = [
  ['int2', '-3', -3],
  ['int4', '2147483647', 2147483647],
  ['int8', '9007199254740993', '9007199254740993'],
  ['float4', '1.5', 1.5],
  ['float8', "'1e300'", 1e300],
  ['float8', "'NaN'", 'NaN'],
  ['float8', "'-Infinity'", '-Infinity'],
  ['numeric', '1.50', '1.50'],
  ['bool', 'true', true],
  ['text', `E'a"b\\\\\\u2028\\n<'`, 'a"b\\\u2028\n<'],
  ['uuid', "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['jsonb', `'{"b": [1, null], "a": 1e400}'`, undefined],
  ['json', `'{"a":  1}'`, { a: 1 }],
  ['timestamptz', "'2026-01-31 13:00:00+01'", '2026-01-31T12:00:00.000000Z'],
  ['timestamp', "'2026-01-31 12:00:00.5'", '2026-01-31T12:00:00.500000'],
  ['date', "'2026-01-31'", '2026-01-31'],
  ['bytea', "'\\x686921'", 'aGkh'],
  [
    'int4[]',
    'ARRAY[[1,2],[3,NULL]]',
    [
      [1, 2],
      [3, null],
    ],
  ],
  ['text[]', `ARRAY['a,b', '"', NULL, 'NULL']`, ['a,b', '"', null, 'NULL']],
  ['numeric[]', 'ARRAY[1.0]', ['1.0']],
  ['text', 'NULL', null],
]

it('P6: gives each type in the same JSON in the snapshot and in the stream', async () => {
  const database = await createDatabase()
  const sql = postgres(database.url, { max: 1, onnotice: () => {} })
  const columns = values.map((_, i) => `c${i}`)
  await sql.unsafe(
    `CREATE TABLE things (id int PRIMARY KEY, room int, ${values.map(([type], i) => `c${i} ${type}`).join(', ')})`,
  )
  await sql.unsafe('ALTER TABLE things REPLICA IDENTITY FULL')
  const insert = (id: number) =>
    sql.unsafe(`INSERT INTO things VALUES (${id}, 1, ${values.map(([, text]) => text).join(', ')})`)
  await insert(1)
  const server = await createSyncServer({
    sync: defineSync({
      channels: { 'room/:id': { authorize: () => true } },
      collections: {
        things: collection({ table: 'things', channel: 'room/:room', columns: ['id', ...columns] }),
      },
    }),
    database: database.url,
    slot: database.name,
    authenticate: () => null,
  })
  const http = createServer()
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const address = http.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const client = new RawClient(`http://127.0.0.1:${address.port}/lockstep`)
  try {
    client.send(
      { type: 'hello', version: 1, token: server.issueSession({ id: 1 }).token },
      { type: 'subscribe', id: 1, channel: 'room/1' },
    )
    const { collections } = await client.next('snapshot')
    await client.next('live')
    await insert(2)
    const { changes } = await client.next('transaction')
    const read = collections.things?.rows[0]?.slice(1)
    const streamed = Object.values(changes.things?.create?.['2'] ?? {}).slice(1)
    expect(streamed).toEqual(read)
    values.forEach(([type, text, json], i) => {
      if (json !== undefined) expect(read?.[i], `${type} ${text}`).toEqual(json)
    })
    expect(collections.things?.columns).toEqual(['id', ...columns])
  } finally {
    client.end()
    await server.close()
    http.closeAllConnections()
    http.close()
    await sql.end()
    await database.drop()
  }
})
