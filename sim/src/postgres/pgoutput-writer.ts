import type { Row } from './database.ts'
import { identityColumns, type Shape } from './table.ts'
import { textOf, typeOids } from './value-text.ts'
import type { Change, CommitRecord, MarkRecord } from './wal.ts'

const postgresEpochMs = 946_684_800_000

/**
 * Writes the messages of pgoutput, protocol version 1, for one connection: each relation is described before its
 * first row, and again when it has changed.
 * @see https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */
export class PgoutputWriter {
  readonly #described = new Map<number, Shape>()
  readonly #published: ReadonlySet<string>

  /** `published`: names of the tables of the publication. */
  constructor(published: ReadonlySet<string>) {
    this.#published = published
  }

  /** None for a transaction that touched nothing that is published. */
  commit(record: CommitRecord): Buffer[] {
    const inner = record.changes.flatMap((change) => this.#change(change, record))
    if (inner.length === 0) return []
    const time = timeOf(record.at)
    const begin = join('B', lsn(record.start), time, int32(record.xid))
    const commit = join('C', byte(0), lsn(record.start), lsn(record.end), time)
    return [begin, ...inner, commit]
  }

  mark({ end, prefix, content }: MarkRecord): Buffer {
    return message(false, end, prefix, content)
  }

  #change(change: Change, _record: CommitRecord): Buffer[] {
    if (change.kind === 'message') return [message(true, change.end, 'lockstep', change.content)]
    const { shape } = change
    if (!this.#published.has(shape.name)) return []
    const described = this.#describe(shape)
    if (change.kind === 'truncate') return [...described, join('T', int32(1), byte(0), int32(shape.oid))]
    return [...described, row(change)]
  }

  #describe(shape: Shape): Buffer[] {
    if (this.#described.get(shape.oid) === shape) return []
    this.#described.set(shape.oid, shape)
    const identity = identityColumns(shape)
    const columns = shape.columns.flatMap(({ name, type }) => [
      byte(identity.has(name) ? 1 : 0),
      text(name),
      int32(typeOids[type]),
      int32(-1),
    ])
    const letter = shape.identity === 'full' ? 'f' : shape.identity === 'default' ? 'd' : 'i'
    return [
      join(
        'R',
        int32(shape.oid),
        text('public'),
        text(shape.name),
        Buffer.from(letter),
        int16(shape.columns.length),
        ...columns,
      ),
    ]
  }
}

function row(change: Extract<Change, { kind: 'insert' | 'update' | 'delete' }>): Buffer {
  const { kind, shape, before = {}, after = {}, kept } = change
  const oid = int32(shape.oid)
  if (kind === 'insert') return join('I', oid, Buffer.from('N'), tuple(shape, after))
  const identity = identityColumns(shape)
  const isFull = shape.identity === 'full'
  const old = [Buffer.from(isFull ? 'O' : 'K'), tuple(shape, before, { only: identity })]
  if (kind === 'delete') return join('D', oid, ...old)
  const moved = shape.columns.some(({ name, type }) => {
    return identity.has(name) && textOf(type, before[name]) !== textOf(type, after[name])
  })
  return join('U', oid, ...(isFull || moved ? old : []), Buffer.from('N'), tuple(shape, after, { kept }))
}

function tuple(
  shape: Shape,
  values: Row,
  { only, kept }: { only?: ReadonlySet<string>; kept?: ReadonlySet<string> } = {},
): Buffer {
  const columns = shape.columns.flatMap(({ name, type }) => {
    if (kept?.has(name)) return [Buffer.from('u')]
    const value = only === undefined || only.has(name) ? textOf(type, values[name]) : null
    if (value === null) return [Buffer.from('n')]
    const bytes = Buffer.from(value)
    return [Buffer.from('t'), int32(bytes.length), bytes]
  })
  return Buffer.concat([int16(shape.columns.length), ...columns])
}

function message(transactional: boolean, end: number, prefix: string, content: string): Buffer {
  const bytes = Buffer.from(content)
  return join('M', byte(transactional ? 1 : 0), lsn(end), text(prefix), int32(bytes.length), bytes)
}

function join(letter: string, ...parts: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(letter), ...parts])
}

function byte(value: number): Buffer {
  return Buffer.from([value])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}

/** Eight bytes of a whole number below 2^53. */
export function lsn(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value))
  return bytes
}

/** Postgres' clock, in microseconds. */
export function timeOf(ms: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(ms - postgresEpochMs) * 1000n)
  return bytes
}

function text(value: string): Buffer {
  return Buffer.concat([Buffer.from(value), byte(0)])
}
