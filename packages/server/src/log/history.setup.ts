import { encodePosition, type Position, parseChannelPattern, type ResetReason } from '@lockstep/protocol'
import fc from 'fast-check'
import { expect } from 'vitest'
import type { BusEntry } from '../bus/bus.ts'
import { payloadOf } from './frame.ts'
import type { Log, LogEntry, LogPin } from './log.ts'

export interface LogSetup {
  readonly log: Log
  /** Moves the log's clock. */
  advance(ms: number): void
}

const channels = ['a/1', 'a/2', 'b/1']
/** What a truncated table resets, and the channels that it resets. */
const scope = { templates: [parseChannelPattern('a/:id')], channels: ['quiet/1'] }
const inScope = ['a/1', 'a/2', 'quiet/1']
export const views = 2

type Step =
  | { kind: 'transaction'; touched: readonly (readonly (0 | 1 | 2 | 3)[])[]; text: number }
  | { kind: 'progress' | 'resetAll' | 'resetSome' | 'epoch' | 'pin' | 'unpin' | 'repeat' }
  | { kind: 'wait'; ms: number }

export const step: fc.Arbitrary<Step> = fc.oneof(
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
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('resetAll', 'resetSome', 'epoch') }) },
)

/** All that ever happened, to hold the log against. */
interface Told {
  readonly epoch: string
  readonly lsn: number
  readonly channel: string | undefined
  readonly view: number | undefined
  readonly reset: ResetReason | undefined
}

/** Drives a log and remembers everything it was told. */
export class History {
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
    } else if (step.kind === 'resetSome') {
      this.#last = { kind: 'reset', lsn, reason: 'truncated', xid: lsn, scope }
      for (const channel of inScope)
        for (let view = 0; view < views; view++)
          this.#told.push({ epoch, lsn, channel, view, reset: 'truncated' })
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

export function utf8(text: string | undefined): readonly Buffer[] | undefined {
  return text === undefined ? undefined : [Buffer.from(text)]
}

export function frameOf(entry: LogEntry | undefined) {
  if (entry?.frame === undefined) throw new Error('no frame')
  return entry.frame
}
