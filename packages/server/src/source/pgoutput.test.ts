import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeText } from './encoder.ts'
import { PgoutputDecoder, PgoutputError, type PgoutputReceiver } from './pgoutput.ts'
import { TupleView } from './tuple.ts'

const columnCount = 3

class Recorder implements PgoutputReceiver {
  readonly events: unknown[] = []
  begin(xid: number, lsn: number, at: number): void {
    this.events.push(['begin', xid, lsn, at])
  }
  commit(): void {
    this.events.push(['commit'])
  }
  message(transactional: boolean, lsn: number, prefix: string, content: string): void {
    this.events.push(['message', transactional, lsn, prefix, content])
  }
  relation(...[relation, before, after]: Parameters<PgoutputReceiver['relation']>) {
    this.events.push(['relation', relation.schema, relation.table, relation.columns.map(({ name }) => name)])
    const places = Int32Array.from(relation.columns.keys())
    const encoders = relation.columns.map(() => encodeText)
    const values = (fields: typeof before) => {
      const tuple = new TupleView(fields, places, encoders)
      return [...places].map((place) => (tuple.has(place) ? tuple.json(place) : undefined))
    }
    return {
      change: (event: string, hasBefore: boolean) => {
        this.events.push([
          event,
          hasBefore ? values(before) : null,
          event === 'destroy' ? null : values(after),
        ])
      },
      truncate: () => this.events.push(['truncate', relation.table]),
    }
  }
}

type Value = string | null | undefined

function int(bytes: number, value: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  buffer.writeUIntBE(value, Math.max(0, bytes - 6), Math.min(6, bytes))
  return buffer
}

function row(values: readonly Value[]): Buffer {
  const parts = values.map((value) => {
    if (value === null) return Buffer.from('n')
    if (value === undefined) return Buffer.from('u')
    const text = Buffer.from(value)
    return Buffer.concat([Buffer.from('t'), int(4, text.length), text])
  })
  return Buffer.concat([int(2, values.length), ...parts])
}

const oid = 4711
const relationBytes = Buffer.concat([
  Buffer.from('R'),
  int(4, oid),
  Buffer.from('app\0items\0f'),
  int(2, columnCount),
  ...['id', 'title', 'body'].map((name, i) =>
    Buffer.concat([int(1, i === 0 ? 1 : 0), Buffer.from(`${name}\0`), int(4, 25), int(4, 0xffffffff)]),
  ),
])
const beginBytes = Buffer.concat([
  Buffer.from('B'),
  int(8, 0x16b374d848),
  int(8, 1_000_000),
  int(4, 4_000_000_000),
])

function decode(...messages: Buffer[]): unknown[] {
  const recorder = new Recorder()
  const decoder = new PgoutputDecoder(recorder)
  for (const message of messages) {
    // Off the start of the buffer, as the network gives it.
    const shifted = Buffer.concat([Buffer.alloc(25), message])
    decoder.decode(shifted, 25, shifted.length)
  }
  return recorder.events
}

function message(letter: string, ...rows: [string, readonly Value[]][]): Buffer {
  const parts = rows.flatMap(([kind, values]) => [Buffer.from(kind), row(values)])
  return Buffer.concat([Buffer.from(letter), int(4, oid), ...parts])
}

describe('PgoutputDecoder', () => {
  it('reads xid, commit LSN and time of a transaction', () => {
    expect(decode(beginBytes, Buffer.concat([Buffer.from('C'), Buffer.alloc(25)]))).toEqual([
      ['begin', 4_000_000_000, 0x16b374d848, 946_684_801_000],
      ['commit'],
    ])
  })

  it('takes an unchanged TOASTed value from the old row, and says so where there is none', () => {
    const events = decode(
      relationBytes,
      message('U', ['O', ['1', 'a', 'läng']], ['N', ['1', 'b', undefined]]),
      message('U', ['N', ['1', 'b', undefined]]),
    )
    expect(events.slice(1)).toEqual([
      ['update', ['"1"', '"a"', '"läng"'], ['"1"', '"b"', '"läng"']],
      ['update', null, ['"1"', '"b"', undefined]],
    ])
  })

  it('does not take the nulls of a key-only old row for values', () => {
    expect(decode(relationBytes, message('D', ['K', ['1', null, null]])).slice(1)).toEqual([
      ['destroy', ['"1"', undefined, undefined], null],
    ])
  })

  it('reads any rows back', () => {
    const value = fc.oneof(fc.constant(null), fc.string({ unit: 'grapheme', maxLength: 200 }))
    const values = fc.array(value, { minLength: columnCount, maxLength: columnCount })
    fc.assert(
      fc.property(values, values, (before, after) => {
        const json = (one: Value) => JSON.stringify(one)
        expect(decode(relationBytes, message('U', ['O', before], ['N', after])).slice(1)).toEqual([
          ['update', before.map(json), after.map(json)],
        ])
      }),
    )
  })

  it('answers broken bytes with an error, and never reads beyond the message', () => {
    const good = [
      relationBytes,
      beginBytes,
      message('U', ['O', ['1', 'a', 'b']], ['N', ['1', 'ü', undefined]]),
      message('D', ['K', ['1', null, null]]),
      message('I', ['N', ['1', 'a', 'b']]),
      Buffer.concat([Buffer.from('T'), int(4, 1), int(1, 0), int(4, oid)]),
      Buffer.concat([
        Buffer.from('M'),
        int(1, 1),
        int(8, 99),
        Buffer.from('lockstep\0'),
        int(4, 2),
        Buffer.from('hi'),
      ]),
    ]
    const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) })
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.array(change, { maxLength: 4 }),
        fc.nat(),
        (original, changes, cut) => {
          const bytes = Buffer.from(original)
          for (const { at, to } of changes) bytes[at % bytes.length] = to
          const shortened = bytes.subarray(0, cut % (bytes.length + 1))
          const decoder = new PgoutputDecoder(new Recorder())
          decoder.decode(relationBytes, 0, relationBytes.length)
          // What follows belongs to the next message: reading it would not throw by itself.
          const buffer = Buffer.concat([shortened, Buffer.alloc(64, 0x74)])
          try {
            decoder.decode(buffer, 0, shortened.length)
          } catch (error) {
            expect(error).toBeInstanceOf(PgoutputError)
          }
        },
      ),
      { numRuns: 20_000 },
    )
  })
})
