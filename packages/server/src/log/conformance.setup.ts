import { encodePosition, type Position, type ResetReason } from '@lockstep/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BusEntry } from '../bus/bus.ts'
import { payloadOf } from './frame.ts'
import type { Delivery, Log, LogEntry, LogPin, LogReader, Writer } from './log.ts'

export interface LogSetup {
  readonly log: Log
  /** Moves the log's clock. */
  advance(ms: number): void
}

export interface LogTestLimits {
  readonly retentionMs: number
  readonly logBytesMax: number
  readonly logTotalBytesMax: number
}

/** Bounds that these tests never reach. */
const ample: LogTestLimits = { retentionMs: 1e9, logBytesMax: 1e9, logTotalBytesMax: 1e9 }

/** So tight that every bound is met all the time. */
const tight: LogTestLimits = { retentionMs: 100, logBytesMax: 3_000, logTotalBytesMax: 8_000 }

const channels = ['a/1', 'a/2', 'b/1']
const views = 2

type Step =
  | { kind: 'transaction'; touched: readonly (readonly (0 | 1 | 2 | 3)[])[]; text: number }
  | { kind: 'progress' | 'resetAll' | 'epoch' | 'pin' | 'unpin' | 'repeat' }
  | { kind: 'wait'; ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('transaction' as const),
      // Per channel and view: nothing, changes, operations only, reset.
      touched: fc.array(
        fc.array(fc.constantFrom(0, 0, 1, 1, 1, 1, 2, 3), { minLength: views, maxLength: views }),
        {
          minLength: channels.length,
          maxLength: channels.length,
        },
      ),
      text: fc.nat(400),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(60) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('progress', 'pin', 'unpin', 'repeat') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('resetAll', 'epoch') }) },
)

/** All that ever happened, to hold the log against. */
interface Told {
  readonly epoch: string
  readonly lsn: number
  readonly channel: string | undefined
  readonly view: number | undefined
  readonly reset: ResetReason | undefined
}

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

/** Drives a log and remembers everything it was told. */
class History {
  readonly #setup: LogSetup
  readonly #told: Told[] = []
  readonly #starts = new Map<string, number>()
  #epoch = 0
  #lsn = 10
  #pins: { readonly pin: LogPin; readonly channel: string; readonly from: number }[] = []
  #last: BusEntry

  constructor(setup: LogSetup) {
    this.#setup = setup
    this.#last = this.#startEpoch()
  }

  take(step: Step): void {
    const { log, advance } = this.#setup
    if (step.kind === 'wait') advance(step.ms)
    else if (step.kind === 'epoch') this.#last = this.#startEpoch()
    else if (step.kind === 'repeat') {
      if (this.#last.kind !== 'epoch') log.append(this.#last)
    } else if (step.kind === 'pin') this.#pin()
    else if (step.kind === 'unpin') this.#pins.shift()?.pin.release()
    else {
      this.#lsn += 3
      this.#append(step)
    }
  }

  checkReads(isAmple: boolean): void {
    const epoch = `e${this.#epoch}`
    const start = this.#starts.get(epoch) ?? 0
    for (const channel of [...channels, 'quiet/1']) {
      for (let view = 0; view < views; view++) {
        expect(this.#setup.log.read(channel, view, { epoch: 'no', lsn: this.#lsn })).toEqual({
          reset: 'epoch',
        })
        expect(this.#setup.log.read(channel, view, { epoch, lsn: this.#lsn + 1 })).toEqual({
          reset: 'future',
        })
        for (let lsn = start; lsn <= this.#lsn; lsn++) this.#checkRead(channel, view, { epoch, lsn }, isAmple)
      }
    }
    this.#checkPins()
  }

  #checkRead(channel: string, view: number, from: Position, isAmple: boolean): void {
    const after = this.#told.filter(
      (told) =>
        told.epoch === from.epoch &&
        told.lsn > from.lsn &&
        (told.channel === undefined || (told.channel === channel && told.view === view)),
    )
    const resets = after.flatMap((told) => told.reset ?? [])
    const range = this.#setup.log.read(channel, view, from)
    if ('reset' in range) {
      if (isAmple) expect(resets).toContain(range.reset)
      else expect([...resets, 'trimmed']).toContain(range.reset)
      return
    }
    expect(resets).toEqual([])
    expect(range.entries.map((entry) => entry.lsn)).toEqual(after.map((told) => told.lsn))
    let prev = from.lsn
    range.entries.forEach((entry, i) => {
      const message = JSON.parse(payloadOf(frameOf(entry)))
      expect(message.position).toBe(encodePosition({ epoch: from.epoch, lsn: entry.lsn }))
      const told = Number.parseInt(message.prev.split('.')[1], 16)
      if (i === 0) expect(told).toBeLessThanOrEqual(prev)
      else expect(told).toBe(prev)
      prev = entry.lsn
    })
  }

  /** A pin that is not broken holds everything of its channel since it was set. */
  #checkPins(): void {
    for (const { pin, channel, from } of this.#pins) {
      for (let view = 0; view < views; view++) {
        const held = pin.entries(view)?.map((entry) => entry.lsn)
        const since = this.#told.filter(
          (told) =>
            told.epoch === `e${this.#epoch}` &&
            told.channel === channel &&
            told.view === view &&
            told.lsn > from,
        )
        if (held !== undefined)
          expect(held.filter((lsn) => lsn > from)).toEqual(since.map((told) => told.lsn))
      }
    }
  }

  #pin(): void {
    const channel = channels[this.#lsn % channels.length] ?? ''
    this.#pins.push({ pin: this.#setup.log.pin(channel), channel, from: this.#lsn })
  }

  #startEpoch(): BusEntry {
    const entry: BusEntry = { kind: 'epoch', epoch: `e${++this.#epoch}`, lsn: this.#lsn }
    this.#starts.set(entry.epoch, this.#lsn)
    this.#setup.log.append(entry)
    return entry
  }

  #append(step: Exclude<Step, { kind: 'wait' }>): void {
    const lsn = this.#lsn
    const epoch = `e${this.#epoch}`
    if (step.kind === 'progress') this.#last = { kind: 'progress', lsn }
    else if (step.kind === 'resetAll') {
      this.#last = { kind: 'reset', lsn, reason: 'truncated', xid: lsn }
      this.#told.push({ epoch, lsn, channel: undefined, view: undefined, reset: 'truncated' })
    } else if (step.kind === 'transaction') {
      const text = `{"x":"${'x'.repeat(step.text)}"}`
      const routed = channels.map((channel, i) => {
        const kinds = step.touched[i] ?? []
        const reset = kinds.includes(3) ? ('too_large' as const) : undefined
        const operations = kinds.includes(2) ? '[]' : undefined
        const texts = kinds.map((kind) => (kind === 1 && reset === undefined ? text : undefined))
        texts.forEach((changes, view) => {
          const isTold = (changes ?? operations ?? reset) !== undefined
          if (isTold) this.#told.push({ epoch, lsn, channel, view, reset })
        })
        return {
          channel,
          views: texts.map(utf8),
          ...(reset ? { reset } : operations ? { operations } : undefined),
        }
      })
      this.#last = { kind: 'transaction', transaction: { xid: lsn, lsn, at: 5, channels: routed } }
    }
    this.#setup.log.append(this.#last)
  }
}

function utf8(text: string | undefined): readonly Buffer[] | undefined {
  return text === undefined ? undefined : [Buffer.from(text)]
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

function frameOf(entry: LogEntry | undefined) {
  if (entry?.frame === undefined) throw new Error('no frame')
  return entry.frame
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
