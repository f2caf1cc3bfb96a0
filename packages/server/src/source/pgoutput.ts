import { readLsn } from './lsn.ts'
import type { RowEvent } from './source.ts'
import {
  kindAbsent,
  kindNull,
  kindText,
  kindTooLong,
  kindUnchanged,
  RowFields,
  valueBytesMax,
} from './tuple.ts'

/** A table as the stream describes it. */
export interface Relation {
  readonly oid: number
  readonly schema: string
  readonly table: string
  readonly columns: readonly RelationColumn[]
}

export interface RelationColumn {
  readonly name: string
  readonly typeOid: number
  /** Whether old tuples that hold only the key hold it. */
  readonly identity: boolean
}

/** What is done with the rows of a relation; `before` and `after` are the relation's own, used again. */
export interface RelationReader {
  change(event: RowEvent, hasBefore: boolean): void
  truncate(): void
}

/** Takes what the decoder finds, in the order of the stream. LSNs as in Begin: where the commit record starts. */
export interface PgoutputReceiver {
  begin(xid: number, lsn: number, at: number): void
  commit(): void
  /** A relation, before its first change and after it changed. Undefined: nobody wants its rows. */
  relation(relation: Relation, before: RowFields, after: RowFields): RelationReader | undefined
  /** `lsn`: where the record of the message ends; a commit may start there. */
  message(transactional: boolean, lsn: number, prefix: string, content: string): void
}

/** The bytes are not what pgoutput sends: a broken connection, or a version of the protocol we do not know. */
export class PgoutputError extends Error {
  override readonly name = 'PgoutputError'
}

interface RelationState {
  readonly columnCount: number
  readonly identity: readonly boolean[]
  readonly before: RowFields
  readonly after: RowFields
  readonly reader: RelationReader | undefined
}

const noBytes = Buffer.alloc(0)
/** What a reader of the network uses again and again has no more. */
const keptBytesMax = 1_048_576
const columnsMax = 1664
/** Flags, two LSNs, a time. */
const commitBytes = 25

/** Microseconds of Postgres' clock, since 2000-01-01, as ms since 1970. */
function readTime(bytes: Buffer, at: number): number {
  const us = bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
  return Math.floor(us / 1000) + 946_684_800_000
}

/** @throws PgoutputError for one that no log reaches: taken for true, everything after it would be left out. */
export function lsnAt(bytes: Buffer, at: number): number {
  const lsn = readLsn(bytes, at)
  if (!Number.isSafeInteger(lsn)) throw new PgoutputError(`an LSN of ${lsn}`)
  return lsn
}

/** As `readUInt32BE`, without its checks: the four bytes are there. */
function readLength(bytes: Buffer, at: number): number {
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16)
  return (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}

/**
 * Decodes pgoutput, protocol version 1, on the network buffer: nothing is allocated per row or column.
 * @see https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */
export class PgoutputDecoder {
  readonly #receiver: PgoutputReceiver
  readonly #relations = new Map<number, RelationState>()
  #lastOid = -1
  #lastRelation: RelationState | undefined
  #bytes: Buffer = noBytes
  #at = 0
  #end = 0

  constructor(receiver: PgoutputReceiver) {
    this.#receiver = receiver
  }

  /**
   * Decodes the one message that lies in `bytes` from `start` to `end`. What is wrong with a row is found before
   * it is handed on; bytes too many after it only then.
   * @throws PgoutputError
   */
  decode(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes
    this.#at = start + 1
    this.#end = end
    const letter = start < end ? bytes[start] : 0
    switch (letter) {
      case 0x49: // I
        this.#insert()
        break
      case 0x55: // U
        this.#update()
        break
      case 0x44: // D
        this.#delete()
        break
      case 0x42: // B
        this.#begin()
        break
      case 0x43: // C
        this.#take(commitBytes)
        this.#receiver.commit()
        break
      case 0x52: // R
        this.#relation()
        break
      case 0x4d: // M
        this.#message()
        break
      case 0x54: // T
        this.#truncate()
        break
      case 0x4f: // O: origin
      case 0x59: // Y: type; pg_type knows more
        this.#at = end
        break
      default:
        throw new PgoutputError(`unknown message ${letter} at byte ${start}`)
    }
    if (this.#at !== end) throw new PgoutputError(`a message that goes on at byte ${this.#at}`)
    if (bytes.length > keptBytesMax) this.#letGo()
  }

  /** A large row came in memory of its own, which goes with it and not with the next row of its table. */
  #letGo(): void {
    this.#bytes = noBytes
    if (this.#lastRelation === undefined) return
    this.#lastRelation.before.bytes = noBytes
    this.#lastRelation.after.bytes = noBytes
  }

  #begin(): void {
    const at = this.#take(20)
    const bytes = this.#bytes
    this.#receiver.begin(bytes.readUInt32BE(at + 16), lsnAt(bytes, at), readTime(bytes, at + 8))
  }

  #insert(): void {
    const relation = this.#relationOf()
    this.#expect(0x4e)
    if (relation.reader === undefined) {
      this.#leave()
      return
    }
    this.#row(relation, relation.after, false)
    relation.reader.change('create', false)
  }

  #update(): void {
    const relation = this.#relationOf()
    if (relation.reader === undefined) {
      this.#leave()
      return
    }
    let kind = this.#bytes[this.#take(1)]
    const hasBefore = kind === 0x4b || kind === 0x4f // K, O
    if (hasBefore) {
      this.#row(relation, relation.before, kind === 0x4b)
      kind = this.#bytes[this.#take(1)]
    }
    if (kind !== 0x4e) throw new PgoutputError(`update without a new row at byte ${this.#at}`)
    this.#row(relation, relation.after, false)
    if (hasBefore) takeUnchanged(relation.before, relation.after)
    relation.reader.change('update', hasBefore)
  }

  #delete(): void {
    const relation = this.#relationOf()
    const kind = this.#bytes[this.#take(1)]
    if (kind !== 0x4b && kind !== 0x4f)
      throw new PgoutputError(`delete without an old row at byte ${this.#at}`)
    if (relation.reader === undefined) {
      this.#leave()
      return
    }
    this.#row(relation, relation.before, kind === 0x4b)
    relation.reader.change('destroy', true)
  }

  #truncate(): void {
    const bytes = this.#bytes
    const count = bytes.readUInt32BE(this.#take(4))
    this.#take(1) // CASCADE and RESTART IDENTITY: the relations are all listed
    const at = this.#take(count * 4)
    for (let i = 0; i < count; i++) this.#known(bytes.readUInt32BE(at + i * 4)).reader?.truncate()
  }

  #message(): void {
    const flags = this.#bytes[this.#take(1)] ?? 0
    const lsn = lsnAt(this.#bytes, this.#take(8))
    const prefix = this.#text()
    const length = this.#bytes.readUInt32BE(this.#take(4))
    const at = this.#take(length)
    // Longer ones are not read: not ours, or nonsense.
    const content = length > valueBytesMax ? '' : this.#bytes.toString('utf8', at, at + length)
    this.#receiver.message((flags & 1) === 1, lsn, prefix, content)
  }

  #relation(): void {
    const bytes = this.#bytes
    const oid = bytes.readUInt32BE(this.#take(4))
    const schema = this.#text() || 'pg_catalog'
    const table = this.#text()
    this.#take(1) // replica identity
    const count = bytes.readUInt16BE(this.#take(2))
    if (count > columnsMax) throw new PgoutputError(`a table of ${count} columns`)
    const columns: RelationColumn[] = []
    for (let i = 0; i < count; i++) {
      const flags = bytes[this.#take(1)] ?? 0
      const name = this.#text()
      const typeOid = bytes.readUInt32BE(this.#take(8))
      columns.push({ name, typeOid, identity: (flags & 1) === 1 })
    }
    const before = new RowFields(count)
    const after = new RowFields(count)
    const reader = this.#receiver.relation({ oid, schema, table, columns }, before, after)
    const identity = columns.map((column) => column.identity)
    this.#relations.set(oid, { columnCount: count, identity, before, after, reader })
    this.#lastOid = -1
  }

  #relationOf(): RelationState {
    const oid = this.#bytes.readUInt32BE(this.#take(4))
    if (oid === this.#lastOid && this.#lastRelation !== undefined) return this.#lastRelation
    const relation = this.#known(oid)
    this.#lastOid = oid
    this.#lastRelation = relation
    return relation
  }

  #known(oid: number): RelationState {
    const relation = this.#relations.get(oid)
    if (relation === undefined) throw new PgoutputError(`relation ${oid} was never described`)
    return relation
  }

  #row(relation: RelationState, fields: RowFields, keyOnly: boolean): void {
    const bytes = this.#bytes
    const end = this.#end
    let at = this.#take(2)
    fields.bytes = bytes
    fields.hasTooLong = false
    const count = bytes.readUInt16BE(at)
    if (count !== relation.columnCount) throw new PgoutputError(`a row of ${count} columns at byte ${at}`)
    at += 2
    const { kinds, starts, ends } = fields
    for (let column = 0; column < count; column++) {
      if (at >= end) throw new PgoutputError(`a row that ends early at byte ${at}`)
      const kind = bytes[at++]
      if (kind === kindText) {
        if (at + 4 > end) throw new PgoutputError(`a row that ends early at byte ${at}`)
        const length = readLength(bytes, at)
        at += 4
        if (length > end - at) throw new PgoutputError(`a value beyond its message at byte ${at}`)
        kinds[column] = kindText
        starts[column] = at
        at += length
        ends[column] = at
        if (length > valueBytesMax) {
          kinds[column] = kindTooLong
          fields.hasTooLong = true
        }
      } else if (kind === kindNull) {
        kinds[column] = keyOnly && relation.identity[column] !== true ? kindAbsent : kindNull
      } else if (kind === kindUnchanged) kinds[column] = kindUnchanged
      else throw new PgoutputError(`a value of kind ${kind} at byte ${at}`)
    }
    this.#at = at
  }

  /** A text that ends with a zero byte. */
  #text(): string {
    const start = this.#at
    const end = this.#bytes.indexOf(0, start)
    if (end === -1 || end >= this.#end) throw new PgoutputError(`a name without end at byte ${start}`)
    this.#at = end + 1
    return this.#bytes.toString('utf8', start, end)
  }

  #expect(letter: number): void {
    const at = this.#take(1)
    if (this.#bytes[at] !== letter) throw new PgoutputError(`not the letter expected at byte ${at}`)
  }

  /** Nobody wants the rest. */
  #leave(): void {
    this.#at = this.#end
  }

  /** Moves on by `length` bytes. @returns where they begin. */
  #take(length: number): number {
    const at = this.#at
    if (length > this.#end - at) throw new PgoutputError(`a message that ends early at byte ${at}`)
    this.#at = at + length
    return at
  }
}

/** An unchanged TOASTed value is not sent again; the old row has it, in the same message. */
function takeUnchanged(before: RowFields, after: RowFields): void {
  for (let column = 0; column < after.kinds.length; column++) {
    if (after.kinds[column] !== kindUnchanged || before.kinds[column] !== kindText) continue
    after.kinds[column] = kindText
    after.starts[column] = before.starts[column] ?? 0
    after.ends[column] = before.ends[column] ?? 0
  }
}
