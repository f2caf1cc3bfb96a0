import { LockstepError, parsePosition } from '@lockstep/protocol'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../runtime/logger.ts'
import { nodeRuntime } from '../runtime/node.ts'
import { guardTransactions } from '../source/transaction.ts'
import { prepareWrites } from './tables.ts'
import type { WriteTransaction } from './write.ts'
import { createWriter, type WriterParts } from './writer.ts'

let database: TestDatabase
let sql: postgres.Sql

beforeAll(async () => {
  database = await createDatabase()
  sql = guardTransactions(postgres(database.url, { max: 8, onnotice: () => {} }))
  await prepareWrites(sql)
  await sql.unsafe(`
    CREATE TABLE items (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, title text NOT NULL, estimate int,
      UNIQUE (title), CHECK (estimate >= 0));
    CREATE TABLE blobs (id int PRIMARY KEY, data bytea, at timestamptz, item int REFERENCES items (id));
    CREATE PUBLICATION everything FOR TABLE items, blobs`)
  await sql`SELECT pg_create_logical_replication_slot('looking', 'pgoutput')`
})

afterAll(async () => {
  await sql.end({ timeout: 5 })
  await database.drop()
})

beforeEach(async () => {
  await sql`TRUNCATE items, blobs, lockstep.mutations`
  await streamed()
})

function writerOf(parts: Partial<WriterParts> = {}) {
  return createWriter({ sql, runtime: nodeRuntime, logger: silentLogger, epoch: () => 'e1', ...parts })
}

function post(
  key: string | undefined,
  body: unknown = { title: 'One' },
  headers: Record<string, string> = {},
): Request {
  return new Request('http://localhost/items?draft=1', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
}

async function insertItem(tx: WriteTransaction, title = 'One'): Promise<{ id: number; title: string }> {
  const [item] = await tx.sql<
    { id: number; title: string }[]
  >`INSERT INTO items (title) VALUES (${title}) RETURNING id, title`
  if (item === undefined) throw new Error('no row')
  return item
}

async function titles(): Promise<string[]> {
  return (await sql<{ title: string }[]>`SELECT title FROM items ORDER BY title`).map((row) => row.title)
}

/** What came out of the WAL since the last look: transactions as lists of kinds, messages parsed. */
async function streamed(): Promise<unknown[][]> {
  const rows = await sql<{ data: Buffer }[]>`
    SELECT data FROM pg_logical_slot_get_binary_changes('looking', null, null,
      'proto_version', '1', 'publication_names', 'everything', 'messages', 'true')`
  const transactions: unknown[][] = []
  for (const { data } of rows) {
    const kind = data.toString('latin1', 0, 1)
    if (kind === 'B') transactions.push([])
    else if (kind === 'M') {
      const end = data.indexOf(0, 10)
      if (data.toString('utf8', 10, end) === 'lockstep')
        transactions.at(-1)?.push(JSON.parse(data.toString('utf8', end + 5)))
    } else if (kind === 'I' || kind === 'U' || kind === 'D') transactions.at(-1)?.push(kind)
  }
  return transactions
}

function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no error',
    (error) => (error instanceof LockstepError ? error.code : error),
  )
}

describe('a write', () => {
  it('W1, W3: commits the change and tells the stream session, mutation and operations with it', async () => {
    const writer = writerOf()
    const item = await writer.write(post('k1', {}, { 'lockstep-session': 's1' }), async (tx) => {
      const made = await insertItem(tx)
      await tx.operation('project/1', 'items/create', { item: made })
      return made
    })
    expect(await titles()).toEqual(['One'])
    expect(await streamed()).toEqual([
      [
        'I',
        {
          session: 's1',
          mutation: 'k1',
          operations: [{ channel: 'project/1', operation: 'items/create', envelope: { item } }],
        },
      ],
    ])
  })

  it('G6: tells the stream of a write that touches nothing, so that its writer is confirmed', async () => {
    await writerOf().write(post('k2', {}, { 'lockstep-session': 's1' }), async () => 'nothing')
    expect(await streamed()).toEqual([[{ session: 's1', mutation: 'k2' }]])
  })

  it('W3: a page that has no session yet names none, and writes all the same', async () => {
    await writerOf().write(post('k4', {}, { 'lockstep-session': '' }), insertItem)
    expect(await streamed()).toEqual([['I', { mutation: 'k4' }]])
  })

  it('works without any header, and is silent then', async () => {
    const value = await writerOf().write(post(undefined), insertItem)
    expect(value).toEqual({ id: expect.any(Number), title: 'One' })
    expect(await streamed()).toEqual([['I']])
    expect(await sql`SELECT * FROM lockstep.mutations`).toHaveLength(0)
  })

  it('W1: leaves nothing behind when the function throws: no row, no key, no message', async () => {
    const refused = writerOf().write(post('k3', {}, { 'lockstep-session': 's1' }), async (tx) => {
      await insertItem(tx)
      await tx.operation('project/1', 'items/create', {})
      throw new Error('no')
    })
    await expect(refused).rejects.toThrow('no')
    expect(await titles()).toEqual([])
    expect(await streamed()).toEqual([])
    expect(await sql`SELECT * FROM lockstep.mutations`).toHaveLength(0)
  })

  it('W4: gives a position at or after its commit', async () => {
    const { position } = await writerOf().writeWithPosition(post('k4'), insertItem)
    const [row] = await sql<{ lsn: string }[]>`
      SELECT (max(lsn) - '0/0'::pg_lsn)::text AS lsn FROM pg_logical_slot_peek_binary_changes('looking', null, null,
        'proto_version', '1', 'publication_names', 'everything')`
    expect(parsePosition(position).epoch).toBe('e1')
    expect(parsePosition(position).lsn).toBeGreaterThanOrEqual(Number(row?.lsn))
  })

  it('gives dates as text at the first call as well as at a retry', async () => {
    const writer = writerOf()
    const run = async () => ({ at: new Date(0), none: undefined })
    const first = await writer.write(post('k5'), run)
    const second = await writer.write(post('k5'), run)
    expect(first).toEqual({ at: '1970-01-01T00:00:00.000Z' })
    expect(second).toEqual(first)
  })

  it('refuses statements that come when the transaction is over', async () => {
    let kept: WriteTransaction | undefined
    await writerOf().write(post(undefined), async (tx) => {
      kept = tx
    })
    await expect((async () => kept && insertItem(kept))()).rejects.toThrow('over')
    expect(await titles()).toEqual([])
  })

  it('W1: runs anew after a serialization failure', async () => {
    await sql`INSERT INTO items (title, estimate) VALUES ('sum', 0)`
    const writer = writerOf()
    let runs = 0
    const add = (key: string) =>
      writer.write(
        post(key),
        async (tx) => {
          runs++
          const [row] = await tx.sql<{ estimate: number }[]>`SELECT estimate FROM items WHERE title = 'sum'`
          await tx.sql`UPDATE items SET estimate = ${(row?.estimate ?? 0) + 1} WHERE title = 'sum'`
        },
        { isolation: 'serializable' },
      )
    await Promise.all([add('a'), add('b'), add('c')])
    expect(await sql`SELECT estimate FROM items`).toEqual([{ estimate: 3 }])
    expect(runs).toBeGreaterThan(3)
  })

  it('rolls back and says so when the function takes too long', async () => {
    const writer = writerOf({ limits: { transactionMs: 20 } })
    const slow = writer.write(post('k6'), async (tx) => {
      await insertItem(tx)
      await tx.sql`SELECT pg_sleep(0.2)`
    })
    expect(await codeOf(slow)).toBe('unavailable')
    expect(await titles()).toEqual([])
  })
})

describe('a retry', () => {
  it('G3, W2: gets the recorded response and changes nothing', async () => {
    const writer = writerOf()
    const first = await writer.writeWithPosition(post('r1'), insertItem)
    const second = await writer.writeWithPosition(post('r1'), insertItem)
    expect(second.value).toEqual(first.value)
    expect([first.replayed, second.replayed]).toEqual([false, true])
    expect(await titles()).toEqual(['One'])
    expect(await streamed()).toEqual([['I', { mutation: 'r1' }]])
  })

  it('G3: twenty at once, over two nodes, have one effect and the same response', async () => {
    const nodes = [writerOf(), writerOf()]
    const responses = await Promise.all(
      Array.from({ length: 20 }, (_, i) => nodes[i % 2]?.write(post('r2'), (tx) => insertItem(tx))),
    )
    expect(new Set(responses.map((response) => JSON.stringify(response))).size).toBe(1)
    expect(await titles()).toEqual(['One'])
  })

  it('waits for the first one without holding a connection, so that the first one can still get one', async () => {
    const writer = writerOf()
    const run = async (tx: WriteTransaction) => {
      await sql`SELECT 1` // outside the transaction, from the same pool of 8
      return insertItem(tx)
    }
    await Promise.all(Array.from({ length: 20 }, () => writer.write(post('r3'), run)))
    expect(await titles()).toEqual(['One'])
  })

  it('W2: with another body, path or method is refused', async () => {
    const writer = writerOf()
    await writer.write(post('r4'), insertItem)
    expect(await codeOf(writer.write(post('r4', { title: 'Two' }), (tx) => insertItem(tx, 'Two')))).toBe(
      'key_reused',
    )
    const elsewhere = new Request('http://localhost/tasks', {
      method: 'POST',
      headers: { 'idempotency-key': 'r4' },
      body: '{"title":"One"}',
    })
    expect(await codeOf(writer.write(elsewhere, (tx) => insertItem(tx, 'Two')))).toBe('key_reused')
    const put = new Request('http://localhost/items?draft=1', {
      method: 'PUT',
      headers: { 'idempotency-key': 'r4' },
      body: '{"title":"One"}',
    })
    expect(await codeOf(writer.write(put, (tx) => insertItem(tx, 'Two')))).toBe('key_reused')
    expect(await titles()).toEqual(['One'])
  })

  it('W2: of a refused write runs anew, also with another body', async () => {
    const writer = writerOf()
    const refused = writer.write(post('r5', { title: '' }), () => {
      throw new LockstepError('bad_value', 'The title is empty.')
    })
    expect(await codeOf(refused)).toBe('bad_value')
    await writer.write(post('r5', { title: 'Two' }), (tx) => insertItem(tx, 'Two'))
    expect(await titles()).toEqual(['Two'])
  })

  it('G9: by another user is another write, and never shows the recorded response', async () => {
    const writer = writerOf({ authenticate: (request) => ({ id: request.headers.get('cookie') ?? '' }) })
    await writer.write(post('r6', {}, { cookie: 'alice' }), async () => 'for alice')
    expect(await writer.write(post('r6', {}, { cookie: 'mallory' }), async () => 'for mallory')).toBe(
      'for mallory',
    )
    expect(await writer.write(post('r6', {}, { cookie: 'alice' }), async () => 'again')).toBe('for alice')
    expect(
      await writer.write(post('r6', {}, { cookie: 'alice' }), async () => 'as bob', { user: { id: 'bob' } }),
    ).toBe('as bob')
  })

  it('without a user is told apart by session', async () => {
    const writer = writerOf()
    await writer.write(post('r7', {}, { 'lockstep-session': 'a' }), async () => 'a')
    expect(await writer.write(post('r7', {}, { 'lockstep-session': 'b' }), async () => 'b')).toBe('b')
  })

  it('W2: after the keeping time is a new write, and old keys go away', async () => {
    const writer = writerOf({ limits: { keyMs: 1_000 } })
    await sql`
      INSERT INTO lockstep.mutations (scope, key, fingerprint, created_at)
      SELECT 'anyone', 'old' || n, '', now() - interval '1 hour' FROM generate_series(1, 2500) n`
    await writer.write(post('r8'), insertItem)
    await writer.close()
    expect(await sql`SELECT key FROM lockstep.mutations`).toEqual([{ key: 'r8' }])
  })
})

describe('bounds and bad values', () => {
  it('W2: refuses headers that are no session and no key', async () => {
    const writer = writerOf()
    for (const headers of [
      { 'lockstep-session': 'a b' },
      { 'lockstep-session': 'x'.repeat(65) },
      { 'idempotency-key': 'x'.repeat(129) },
      { 'idempotency-key': 'a b' },
    ]) {
      expect(await codeOf(writer.write(post(undefined, {}, headers), insertItem))).toBe('bad_request')
    }
    expect(await titles()).toEqual([])
  })

  it('takes __proto__ for a name like any other', async () => {
    const writer = writerOf()
    await writer.write(post('__proto__', {}, { 'lockstep-session': '__proto__' }), async (tx) => {
      await tx.operation('project/__proto__', '__proto__', JSON.parse('{"__proto__": 1}'))
    })
    const [[message] = []] = await streamed()
    expect(JSON.stringify(message)).toBe(
      '{"session":"__proto__","mutation":"__proto__","operations":[{"channel":"project/__proto__","operation":"__proto__","envelope":{"__proto__":1}}]}',
    )
    expect(Object.prototype).toEqual({})
  })

  it('G12: refuses bodies, envelopes, operations, responses and row counts over their bounds', async () => {
    const writer = writerOf({
      tables: [{ schema: 'public', table: 'items' }],
      limits: {
        requestBytesMax: 100,
        envelopeBytesMax: 100,
        operationsMax: 2,
        responseBytesMax: 100,
        rowsMax: 10,
      },
    })
    const long = 'x'.repeat(100)
    expect(await codeOf(writer.write(post('b1', long + long), insertItem))).toBe('too_large')
    expect(await codeOf(writer.write(post('b2'), (tx) => tx.operation('a', 'b', { long })))).toBe('too_large')
    expect(
      await codeOf(
        writer.write(post('b3'), async (tx) => {
          for (let i = 0; i < 3; i++) await tx.operation('a', 'b', {})
        }),
      ),
    ).toBe('too_large')
    expect(await codeOf(writer.write(post('b4'), async () => long))).toBe('too_large')
    const many = (count: number) => async (tx: WriteTransaction) => {
      await tx.sql`INSERT INTO items (title) SELECT 'n' || n FROM generate_series(1, ${count}) n`
    }
    expect(await codeOf(writer.write(post('b5'), many(20)))).toBe('too_large')
    expect(await titles()).toEqual([])
    expect(await codeOf(writer.write(post('b6'), many(9)))).toBe('no error')
  })

  it('refuses a body of 10 MB and one that stalls', async () => {
    expect(await codeOf(writerOf().write(post('b7', 'x'.repeat(10_485_761)), insertItem))).toBe('too_large')
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{')),
    })
    // `duplex` is missing from the type of the options that Node wants for a streamed body.
    const stalled = new Request('http://localhost/', {
      method: 'POST',
      body,
      duplex: 'half',
      headers: { 'idempotency-key': 'b8' },
    } as RequestInit)
    expect(await codeOf(writerOf({ limits: { requestMs: 20 } }).write(stalled, insertItem))).toBe('timeout')
  })

  it('refuses operations with bad channels, names and envelopes', async () => {
    const writer = writerOf()
    const operation = (channel: string, name: string, envelope: unknown) =>
      // The last argument is wrong on purpose.
      codeOf(writer.write(post(undefined), (tx) => tx.operation(channel, name, envelope as object)))
    expect(await operation('a b', 'x', {})).toBe('bad_channel')
    expect(await operation('a', 'no spaces', {})).toBe('bad_request')
    expect(await operation('a', 'x', undefined)).toBe('bad_request')
  })

  it('W5: says what is wrong with a value by the name of its column, never by the value', async () => {
    const writer = writerOf()
    const attempt = async (run: (tx: WriteTransaction) => Promise<unknown>) => {
      const error: unknown = await writer.write(post(undefined), run).catch((e) => e)
      if (!(error instanceof LockstepError)) throw new Error('not one of ours', { cause: error })
      expect(error.message).not.toContain('secret')
      return `${error.code}: ${error.message}`
    }
    const unsafe = (text: string, values: (string | number | null)[]) =>
      attempt(async (tx) => tx.sql.unsafe(text, values))
    expect(await attempt((tx) => tx.sql`INSERT INTO items ${tx.sql({ title: 'a', nope: 1 })}`)).toBe(
      'bad_value: There is no column "nope".',
    )
    expect(
      await attempt(
        (tx) => tx.sql`INSERT INTO items ${tx.sql({ title: 'a', estimate: Number.POSITIVE_INFINITY })}`,
      ),
    ).toBe('bad_value: The value of "estimate" does not fit its column.')
    expect(
      await attempt(
        (tx) =>
          tx.sql`UPDATE items SET ${tx.sql({ title: 'a', estimate: 'secret' as unknown as number })} WHERE id = 1`,
      ),
    ).toBe('bad_value: The value of "estimate" does not fit its column.')
    expect(
      await unsafe('insert into blobs (id, data) values ($1, decode($2, $3))', [1, 'secret', 'hex']),
    ).toContain('bad_value: A value')
    expect(
      await unsafe('INSERT INTO blobs (id, data) VALUES ($1, $2::text::bytea)', [1, '\\xsecret']),
    ).toContain('bad_value')
    expect(await attempt((tx) => tx.sql`INSERT INTO blobs ${tx.sql({ id: 1, at: 'secret' })}`)).toContain(
      'bad_value',
    )
    expect(await attempt((tx) => tx.sql`INSERT INTO items (estimate) VALUES (1)`)).toBe(
      'bad_value: "title" must have a value.',
    )
    expect(await attempt((tx) => tx.sql`INSERT INTO items (title, estimate) VALUES ('secret', -1)`)).toBe(
      'bad_value: The values break the rule "items_estimate_check".',
    )
    expect(
      await attempt(async (tx) => {
        await insertItem(tx, 'secret')
        await insertItem(tx, 'secret')
      }),
    ).toBe('conflict: There is already a row with this "title".')
    expect(await attempt((tx) => tx.sql`INSERT INTO blobs (id, item) VALUES (1, 99)`)).toBe(
      'conflict: The reference of "item" does not fit (rule "blobs_item_fkey").',
    )
  })

  it('asks for the body when somebody else has read it', async () => {
    const request = post('b9')
    await request.text()
    await expect(writerOf().write(request, insertItem)).rejects.toThrow('{ body }')
    const again = post('b9')
    const body = await again.json()
    await writerOf().write(again, insertItem, { body })
    expect(await titles()).toEqual(['One'])
  })

  it('bounds how many writes are in progress', async () => {
    const writer = writerOf({ limits: { writesMax: 2 } })
    const gate: (() => void)[] = []
    const held = [1, 2].map((n) =>
      writer.write(post(`h${n}`), () => new Promise<void>((resolve) => gate.push(resolve))),
    )
    await eventually(() => gate.length === 2)
    expect(await codeOf(writer.write(post('h3'), insertItem))).toBe('unavailable')
    for (const open of gate) open()
    await Promise.all(held)
    expect(await codeOf(writer.write(post('h3'), insertItem))).toBe('no error')
  })
})
