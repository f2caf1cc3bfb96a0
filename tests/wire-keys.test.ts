import { collection, defineSync } from '@lockstep/server'
import { startTestServer } from '@lockstep/testing'
import { expect, it } from 'vitest'
import { RawClient } from './wire/raw-client.ts'

/** Types of keys, with a value of each that Postgres and JSON may spell differently. */
const keys: readonly (readonly [type: string, sql: string, key: string])[] = [
  ['int8', '9007199254740993', '9007199254740993'],
  ['text', `'a,b "c" %'`, 'a,b "c" %'],
  ['char(4)', `'ab'`, 'ab  '],
  ['bool', 'true', 'true'],
  ['float8', '1e20', '100000000000000000000'],
  ['numeric', '1.50', '1.50'],
  ['date', `'2026-01-31'`, '2026-01-31'],
  ['timestamptz', `'2026-01-31 13:00:00+01'`, '2026-01-31T12:00:00.000000Z'],
  ['timestamp', `'0044-03-15 12:00:00 BC'`, '-000043-03-15T12:00:00.000000'],
  ['bytea', `'\\x00ff'`, 'AP8='],
  ['uuid', `'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'`, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
]

const tables = keys.map(([type], i) => ({ type, name: `of_${i}` }))

it('P5: names a row by the same key in the snapshot and in the stream, whatever the type', async () => {
  const server = await startTestServer({
    sync: defineSync({
      channels: { 'room/:id': { authorize: () => true } },
      collections: Object.fromEntries(
        // Of two columns, so that a part of a key is looked at too.
        tables.map(({ name }) => [
          name,
          collection({ table: name, key: ['k', 'room'], channel: 'room/:room', columns: ['n'] }),
        ]),
      ),
    }),
    schema: tables
      .map(({ name, type }) => `CREATE TABLE ${name} (k ${type}, room int, n int, PRIMARY KEY (k, room));`)
      .join('\n'),
  })
  const client = new RawClient(`${server.address}/lockstep`)
  const each = (statement: (table: string, value: string) => string): Promise<unknown> =>
    server.sql.unsafe(keys.map(([, value], i) => statement(`of_${i}`, value)).join(';'))
  try {
    await each((table, value) => `INSERT INTO ${table} VALUES (${value}, 1, 0)`)
    const { token } = server.sync.issueSession({ id: 1 })
    client.send({ type: 'hello', version: 1, token }, { type: 'subscribe', id: 1, channel: 'room/1' })
    const { collections } = await client.next('snapshot')
    await client.next('live')
    await each((table) => `UPDATE ${table} SET n = 1`)
    const updated = (await client.next('transaction')).changes
    await each((table) => `DELETE FROM ${table}`)
    const destroyed = (await client.next('transaction')).changes
    await each((table, value) => `INSERT INTO ${table} VALUES (${value}, 1, 0)`)
    const created = (await client.next('transaction')).changes
    for (const [i, [type, , key]] of keys.entries()) {
      const whole = `${key.replaceAll('%', '%25').replaceAll(',', '%2C')},1`
      const { columns = [], rows = [] } = collections[`of_${i}`] ?? {}
      expect({
        type,
        read: String(rows[0]?.[columns.indexOf('k')]),
        updated: Object.keys(updated[`of_${i}`]?.update ?? {}),
        destroyed: destroyed[`of_${i}`]?.destroy,
        created: Object.keys(created[`of_${i}`]?.create ?? {}),
      }).toEqual({ type, read: key, updated: [whole], destroyed: [whole], created: [whole] })
    }
  } finally {
    client.end()
    await server.close()
  }
}, 60_000)
