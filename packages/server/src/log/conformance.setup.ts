import { encodePosition, type ResetReason } from '@lockstep/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BusEntry } from '../bus/bus.ts'
import { payloadOf } from './frame.ts'
import { frameOf, History, type LogSetup, step, utf8, views } from './history.setup.ts'
import type { Delivery, Log, LogEntry, LogReader, Writer } from './log.ts'

export interface LogTestLimits {
  readonly retentionMs: number
  readonly logBytesMax: number
  readonly logTotalBytesMax: number
}

/** Bounds that these tests never reach. */
const ample: LogTestLimits = { retentionMs: 1e9, logBytesMax: 1e9, logTotalBytesMax: 1e9 }

/** So tight that every bound is met all the time. */
const tight: LogTestLimits = { retentionMs: 100, logBytesMax: 3_000, logTotalBytesMax: 8_000 }

/** What every log must do. */
export function runLogTests(
  name: string,
  setup: (limits: LogTestLimits, viewCount: number) => LogSetup,
): void {
  describe(`${name} as a log`, () => {
    for (const [bounds, limits] of [
      ['ample', ample],
      ['tight', tight],
    ] as const) {
      it(`G2: under ${bounds} bounds every read is complete, or says that it cannot be`, () => {
        fc.assert(
          fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
            const history = new History(setup(limits, views))
            for (const step of steps) {
              history.take(step)
              history.checkReads(limits === ample)
            }
          }),
          { numRuns: 200 },
        )
      })
    }

    it('chains the entries of each channel and view by prev', () => {
      const { log } = setup(ample, 2)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 10 })
      log.append(transactionEntry(20, [['a/1', ['{"x":{}}', undefined]]]))
      log.append(transactionEntry(30, [['a/1', ['{"x":{}}', '{"y":{}}']]]))
      log.append(transactionEntry(40, [['a/1', [undefined, '{"y":{}}']]]))
      expect(prevs(log, 'a/1', 0)).toEqual(['e.0', 'e.14'])
      expect(prevs(log, 'a/1', 1)).toEqual(['e.0', 'e.1e'])
      expect(log.last('a/1', 0)).toBe(30)
      expect(log.last('a/1', 1)).toBe(40)
      expect(log.position).toEqual({ epoch: 'e', lsn: 40 })
    })

    it('encodes a transaction message with all that is known of it', () => {
      const { log } = setup(ample, 1)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 1 })
      log.append({
        kind: 'transaction',
        transaction: {
          xid: 7,
          lsn: 2,
          at: 1234,
          session: 's"',
          mutation: 'm',
          channels: [
            {
              channel: 'a/1',
              views: [[Buffer.from('{"x":{"destroy"'), Buffer.from(':["1"]}}')]],
              operations: '[{"operation":"o","envelope":null}]',
            },
          ],
        },
      })
      const [entry] = entriesOf(log, 'a/1', 0, 1)
      expect(payloadOf(frameOf(entry))).toBe(
        '{"type":"transaction","channel":"a/1","position":"e.2","prev":"e.0","at":1234,' +
          '"changes":{"x":{"destroy":["1"]}},"operations":[{"operation":"o","envelope":null}],"session":"s\\"","mutation":"m"}',
      )
      expect(entry).toMatchObject({ xid: 7, lsn: 2 })
    })

    it('continues a channel that nobody wrote to from any position of the log', () => {
      const { log } = setup(ample, 1)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 10 })
      log.append(transactionEntry(20, [['a/1', ['{}']]]))
      for (const lsn of [10, 15, 20]) {
        expect(log.read('quiet/1', 0, { epoch: 'e', lsn })).toEqual({ entries: [], more: false })
      }
    })

    it('G11: tells why a position cannot be continued', () => {
      const { log } = setup(ample, 1)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 10 })
      log.append(transactionEntry(20, [['a/1', ['{}']]]))
      expect(log.read('a/1', 0, { epoch: 'other', lsn: 20 })).toEqual({ reset: 'epoch' })
      expect(log.read('a/1', 0, { epoch: 'e', lsn: 21 })).toEqual({ reset: 'future' })
      expect(log.read('a/1', 0, { epoch: 'e', lsn: 9 })).toEqual({ reset: 'trimmed' })
      log.append(transactionEntry(30, [['a/1', [undefined], 'too_large']]))
      expect(log.read('a/1', 0, { epoch: 'e', lsn: 20 })).toEqual({ reset: 'too_large' })
      expect(log.read('a/1', 0, { epoch: 'e', lsn: 30 })).toEqual({ entries: [], more: false })
      log.append({ kind: 'reset', lsn: 40, reason: 'truncated' })
      expect(log.read('a/1', 0, { epoch: 'e', lsn: 30 })).toEqual({ reset: 'truncated' })
      expect(log.read('quiet/1', 0, { epoch: 'e', lsn: 39 })).toEqual({ reset: 'truncated' })
      expect(log.read('quiet/1', 0, { epoch: 'e', lsn: 40 })).toEqual({ entries: [], more: false })
    })

    it('G3: takes a repeated entry as nothing new', () => {
      const { log } = setup(ample, 1)
      const told = recordReader(log)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 10 })
      log.append(transactionEntry(20, [['a/1', ['{}']]]))
      log.append(transactionEntry(20, [['a/1', ['{}']]]))
      log.append({ kind: 'progress', lsn: 20 })
      expect(told).toEqual(['epoch e.a', 'transaction 20 a/1:0'])
      expect(entriesOf(log, 'a/1', 0, 10)).toHaveLength(1)
    })

    it('G6: tells its readers of every commit, also of one that nobody sees', () => {
      const { log } = setup(ample, 2)
      const told = recordReader(log)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 10 })
      log.append({
        kind: 'transaction',
        transaction: { xid: 1, lsn: 11, at: 0, session: 's', mutation: 'm', channels: [] },
      })
      log.append(
        transactionEntry(12, [
          ['a/1', [undefined, '{}']],
          ['a/2', ['{}', '{}']],
        ]),
      )
      log.append({ kind: 'progress', lsn: 13 })
      log.append({ kind: 'reset', lsn: 14, reason: 'too_large', session: 's', mutation: 'n' })
      expect(told).toEqual([
        'epoch e.a',
        'transaction 11  by s/m',
        'transaction 12 a/1:1,a/2:0,a/2:1',
        'progress 13',
        'reset 14 too_large',
        'transaction 14  by s/n',
      ])
    })

    it('reads a part at a time, at least one entry', () => {
      const { log } = setup(ample, 1)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 1 })
      for (let lsn = 2; lsn <= 6; lsn++) log.append(transactionEntry(lsn, [['a/1', ['{}']]]))
      const size = entriesOf(log, 'a/1', 0, 1)[0]?.bytes ?? 0
      const read = (lsn: number, bytesMax: number) => {
        const range = log.read('a/1', 0, { epoch: 'e', lsn }, bytesMax)
        return 'reset' in range ? range : { lsns: range.entries.map((entry) => entry.lsn), more: range.more }
      }
      expect(read(1, 0)).toEqual({ lsns: [2], more: true })
      expect(read(2, size * 2)).toEqual({ lsns: [3, 4], more: true })
      expect(read(4, size * 2)).toEqual({ lsns: [5, 6], more: false })
    })

    it('G12: lets go of entries out of their time, without being asked for them', () => {
      const { log, advance } = setup(tight, 1)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 1 })
      log.append(transactionEntry(2, [['a/1', ['{}']]]))
      advance(90)
      log.append(transactionEntry(3, [['a/2', ['{}']]]))
      expect(log.status()).toMatchObject({ channels: 2, entries: 2 })
      advance(20)
      log.append({ kind: 'progress', lsn: 4 })
      expect(log.status()).toMatchObject({ channels: 1, entries: 1 })
      expect(log.read('a/1', 0, { epoch: 'e', lsn: 1 })).toEqual({ reset: 'trimmed' })
      expect(log.read('a/1', 0, { epoch: 'e', lsn: 2 })).toEqual({ entries: [], more: false })
      advance(100)
      log.append({ kind: 'progress', lsn: 5 })
      expect(log.status()).toEqual({ channels: 0, entries: 0, bytes: 0 })
    })

    it('keeps the entries of a pinned channel, and those from before the pin, until it is released', () => {
      const { log, advance } = setup(tight, 1)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 1 })
      log.append(transactionEntry(2, [['a/1', ['{}']]]))
      const pin = log.pin('a/1')
      advance(200)
      log.append(transactionEntry(3, [['a/1', ['{}']]]))
      advance(200)
      log.append(transactionEntry(4, [['a/2', ['{}']]]))
      expect(pin.entries(0)?.map((entry) => entry.lsn)).toEqual([2, 3])
      pin.release()
      expect(log.status()).toMatchObject({ entries: 1 })
      expect(log.pin('a/2').trimmedXids).toEqual([2, 3])
    })

    it('breaks a pin rather than its bound', () => {
      const { log } = setup(tight, 1)
      log.append({ kind: 'epoch', epoch: 'e', lsn: 1 })
      const pin = log.pin('a/1')
      for (let lsn = 2; lsn < 100; lsn++)
        log.append(transactionEntry(lsn, [['a/1', [`{"x":"${'x'.repeat(500)}"}`]]]))
      expect(pin.entries(0)).toBeUndefined()
      expect(log.status().bytes).toBeLessThan(tight.logBytesMax * 6)
      pin.release()
      log.append({ kind: 'progress', lsn: 100 })
      expect(log.status().bytes).toBeLessThanOrEqual(tight.logBytesMax)
    })
  })
}

function transactionEntry(
  lsn: number,
  routed: readonly (readonly [
    channel: string,
    views: readonly (string | undefined)[],
    reset?: ResetReason,
  ])[],
): BusEntry {
  const told = routed.map(([channel, texts, reset]) => ({
    channel,
    views: texts.map(utf8),
    ...(reset ? { reset } : undefined),
  }))
  return { kind: 'transaction', transaction: { xid: lsn, lsn, at: 1, channels: told } }
}

function entriesOf(log: Log, channel: string, view: number, from: number): readonly LogEntry[] {
  const range = log.read(channel, view, { epoch: log.position.epoch, lsn: from })
  if ('reset' in range) throw new Error(`reset: ${range.reset}`)
  return range.entries
}

function prevs(log: Log, channel: string, view: number): unknown[] {
  return entriesOf(log, channel, view, 10).map((entry) => JSON.parse(payloadOf(frameOf(entry))).prev)
}

function recordReader(log: Log): string[] {
  const told: string[] = []
  const reader: LogReader = {
    transaction(lsn: number, deliveries: readonly Delivery[], writer: Writer | undefined) {
      const by = writer === undefined ? '' : ` by ${writer.session}/${writer.mutation}`
      told.push(`transaction ${lsn} ${deliveries.map((d) => `${d.channel}:${d.view}`).join()}${by}`)
    },
    progress: (lsn) => void told.push(`progress ${lsn}`),
    epoch: (position) => void told.push(`epoch ${encodePosition(position)}`),
    reset: (lsn, reason) => void told.push(`reset ${lsn} ${reason}`),
  }
  log.onAppend(reader)
  return told
}
