import { createDatabase } from '@lockstep/testing'
import fc from 'fast-check'
import postgres from 'postgres'
import { beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../packages/server/src/runtime/logger.ts'
import { ArrayTextError, arrayEncoder, encodeArray } from '../../packages/server/src/source/array.ts'
import { TypeCatalog } from '../../packages/server/src/source/catalog.ts'
import { encodeText, encodeZonedTimestamp } from '../../packages/server/src/source/encoder.ts'
import { Framer, WireError } from '../../packages/server/src/source/framer.ts'
import { Intake } from '../../packages/server/src/source/intake.ts'
import { formatLsn, parseLsn } from '../../packages/server/src/source/lsn.ts'
import { PgoutputDecoder, PgoutputError } from '../../packages/server/src/source/pgoutput.ts'
import { RecordingSink, tableCollection } from '../../packages/server/src/source/recording-sink.ts'
import { fuzz, parsedOr } from './fuzz.ts'
import { mutatedBytes, mutatedSequence, mutatedText } from './mutation.ts'

const collections = [
  tableCollection('items', ['id', 'title', 'body']),
  tableCollection('tasks', ['id', 'tags']),
]
const types = new TypeCatalog()
/** What a real Postgres sent, message by message. */
let recorded: readonly Buffer[] = []

beforeAll(async () => {
  const database = await createDatabase()
  const sql = postgres(database.url, { max: 1, onnotice: () => {} })
  await sql.unsafe(`
    CREATE TYPE mood AS ENUM ('fine', 'bad');
    CREATE TABLE items (id int PRIMARY KEY, title text, body text);
    CREATE TABLE tasks (id int PRIMARY KEY, tags text[], mood mood);
    CREATE TABLE others (id int PRIMARY KEY);
    ALTER TABLE items REPLICA IDENTITY FULL;
    ALTER TABLE items ALTER body SET STORAGE EXTERNAL;
    CREATE PUBLICATION fuzz FOR ALL TABLES`)
  await types.load(sql)
  await sql`SELECT pg_create_logical_replication_slot(${database.name}, 'pgoutput')`
  for (const statement of [
    `INSERT INTO items SELECT n, 'title ' || n, repeat('é', n) FROM generate_series(1, 5) n`,
    `INSERT INTO items VALUES (9, 'a "b" \\ c', repeat('0123456789', 400))`,
    `UPDATE items SET title = 'other' WHERE id IN (1, 9)`,
    `UPDATE items SET id = 10 WHERE id = 2`,
    `DELETE FROM items WHERE id = 3`,
    `INSERT INTO tasks VALUES (1, ARRAY['a', 'b "c"', NULL], 'fine'); UPDATE tasks SET id = 2; DELETE FROM tasks`,
    `INSERT INTO others VALUES (1); UPDATE others SET id = 2; DELETE FROM others`,
    `SELECT pg_logical_emit_message(true, 'lockstep', '{"session":"s1"}')`,
    `SELECT pg_logical_emit_message(false, 'lockstep.barrier', 'one')`,
    `TRUNCATE items, tasks`,
  ])
    await sql.unsafe(statement)
  const rows = await sql<{ data: Buffer }[]>`
    SELECT data FROM pg_logical_slot_get_binary_changes(${database.name}, NULL, NULL,
      'proto_version', '1', 'publication_names', 'fuzz', 'messages', 'true')`
  recorded = rows.map((row) => Buffer.from(row.data))
  await sql.end()
  await database.drop()
})

/** What a reader of the stream would be told, up to the error. Bytes around a message are `filling`. */
function read(messages: readonly Buffer[], filling = 0): { sink: RecordingSink; error: unknown } {
  const sink = new RecordingSink()
  const nothing = (): void => {}
  const intake = new Intake({
    collections,
    sink,
    types,
    logger: silentLogger,
    from: 1,
    onBarrier: nothing,
    onError: nothing,
    onUnknownType: nothing,
  })
  for (const message of messages) {
    const bytes = Buffer.concat([Buffer.alloc(25, filling), message, Buffer.alloc(64, filling)])
    try {
      intake.take(bytes, 25, 25 + message.length)
    } catch (error) {
      return { sink, error }
    }
  }
  return { sink, error: undefined }
}

/** An error, if any, that says what is wrong with the bytes. */
function expectClear(error: unknown): void {
  if (error !== undefined && !(error instanceof ArrayTextError)) expect(error).toBeInstanceOf(PgoutputError)
}

const anyRecorded = fc.nat().map((n) => recorded[n % recorded.length] ?? Buffer.alloc(0))

describe('the stream from Postgres', () => {
  it('was recorded, and is read without an error', () => {
    expect(new Set(recorded.map((message) => String.fromCharCode(message[0] ?? 0)))).toEqual(
      new Set('BCRIUDTMY'),
    )
    const { sink, error } = read(recorded)
    expect(error).toBeUndefined()
    expect(sink.transactions).toHaveLength(9)
  })

  fuzz(
    'with a message broken is refused with an error of its own, or read without a look beyond the message',
    fc.tuple(fc.nat(), mutatedBytes(anyRecorded)),
    ([n, broken]) => {
      const before = recorded.slice(0, n % recorded.length)
      const [one, other] = [0x00, 0x74].map((filling) => read([...before, broken], filling))
      expect(one?.sink.transactions).toEqual(other?.sink.transactions)
      expect(String(one?.error)).toBe(String(other?.error))
      expectClear(one?.error)
    },
    3_000,
  )

  fuzz(
    'with messages left out, repeated or moved gives whole transactions up to a clear error',
    mutatedSequence(
      fc.nat(8).map(() => recorded),
      (value) => recorded[value % recorded.length] ?? Buffer.alloc(0),
    ),
    (messages) => {
      const { sink, error } = read(messages)
      expectClear(error)
      const lsns = sink.transactions.map(({ lsn }) => lsn)
      expect(lsns).toEqual([...new Set(lsns)].sort((a, b) => a - b))
      expect(lsns.every(Number.isSafeInteger)).toBe(true)
    },
    1_000,
  )

  fuzz(
    'that is no stream of Postgres at all is refused',
    fc.uint8Array({ maxLength: 300 }),
    (bytes) => {
      const nothing = (): void => {}
      const receiver = { begin: nothing, commit: nothing, message: nothing, relation: () => undefined }
      parsedOr(PgoutputError, () => new PgoutputDecoder(receiver).decode(Buffer.from(bytes), 0, bytes.length))
    },
    5_000,
  )
})

/** A message of the wire protocol. */
function wireMessage(content: Uint8Array): Buffer {
  const header = Buffer.from('d....')
  header.writeUInt32BE(content.length + 4, 1)
  return Buffer.concat([header, content])
}

describe('the wire of Postgres', () => {
  const content = fc.uint8Array({ maxLength: 200 })
  const wire = fc.array(content, { maxLength: 8 }).map((all) => Buffer.concat(all.map(wireMessage)))

  fuzz(
    'means the same however it is cut, right or wrong, and what is held is no more than what came',
    fc.tuple(mutatedBytes(wire), fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 })),
    ([bytes, sizes]) => {
      const framesOf = (next: (i: number) => number): string => {
        const frames: string[] = []
        const framer = new Framer((from, start, end) => {
          expect(end).toBeGreaterThanOrEqual(start + 5)
          expect(end).toBeLessThanOrEqual(from.length)
          frames.push(from.toString('hex', start, end))
        })
        const refused = parsedOr(WireError, () => {
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = Math.min(next(i), bytes.length - at)
            framer.take(Buffer.from(bytes.subarray(at, at + size)), size)
            at += size
          }
          return true
        })
        return `${frames.join(' ')} ${refused ?? 'refused'}`
      }
      const whole = framesOf(() => bytes.length)
      expect(framesOf((i) => sizes[i % sizes.length] ?? 1)).toBe(whole)
      expect(framesOf(() => 1)).toBe(whole)
    },
  )

  it('that announces the longest message takes no memory before it comes', () => {
    const before = process.memoryUsage().arrayBuffers
    for (const length of [0x4000_0000, 0x3fff_ffff, 0x2000_0000]) {
      const header = Buffer.from('d.....')
      header.writeUInt32BE(length, 1)
      new Framer(() => {}).take(header, header.length)
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000)
  })

  it.each([0, 3, 0x4000_0001, 0xffff_ffff])('that announces %i bytes is refused', (length) => {
    const header = Buffer.from('d....')
    header.writeUInt32BE(length, 1)
    expect(() => new Framer(() => {}).take(header, 5)).toThrow(WireError)
    const cut = new Framer(() => {})
    cut.take(header, 3)
    expect(() => cut.take(header.subarray(3), 2)).toThrow(WireError)
  })
})

describe('values of Postgres', () => {
  /** As array_out writes. */
  type Element = string | null | Element[]
  const { tree } = fc.letrec<{ tree: Element[]; leaf: Element }>((tie) => ({
    leaf: fc.oneof(fc.constant(null), fc.constantFrom('NULL', '', '{', '}', '"', '\\', ','), fc.string()),
    tree: fc.array(fc.oneof({ maxDepth: 3 }, tie('leaf'), tie('tree')), { maxLength: 4 }),
  }))
  const write = (element: Element): string =>
    element === null
      ? 'NULL'
      : typeof element === 'string'
        ? `"${element.replace(/["\\]/g, '\\$&')}"`
        : `{${element.map(write).join()}}`

  fuzz('of an array come out as they went in', tree, (list) => {
    expect(JSON.parse(encodeArray(write(list), encodeText, ','))).toEqual(list)
    expect(JSON.parse(encodeArray(`[0:3]=${write(list)}`, encodeText, ','))).toEqual(list)
  })

  fuzz('of an array that is none are refused, or are JSON', mutatedText(tree.map(write)), (text) => {
    const json = parsedOr(ArrayTextError, () => arrayEncoder(encodeText, ',')(text))
    if (json !== undefined) expect(Array.isArray(JSON.parse(json))).toBe(true)
  })

  fuzz(
    'of a time are a time',
    fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
    (date) => {
      const iso = date.toISOString()
      const written = `${iso.slice(0, 10)} ${iso.slice(11, 23).replace(/\.?0+$/, '')}+00`
      const whole = /:\d\d(\.\d+)?\+/.test(written) ? written : `${iso.slice(0, 10)} ${iso.slice(11, 19)}+00`
      expect(encodeZonedTimestamp(whole)).toBe(`"${iso.slice(0, 23)}000Z"`)
    },
  )

  fuzz('as LSNs come out as they went in', fc.maxSafeNat(), (lsn) => {
    expect(parseLsn(formatLsn(lsn))).toBe(lsn)
  })

  fuzz('as LSNs that are none are refused', mutatedText(fc.maxSafeNat().map(formatLsn)), (text) => {
    const lsn = parsedOr(Error, () => parseLsn(text))
    if (lsn !== undefined) expect(Number.isFinite(lsn)).toBe(true)
  })
})
