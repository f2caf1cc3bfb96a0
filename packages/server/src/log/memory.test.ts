import { parseChannelPattern } from '@lockstep/protocol'
import { describe, expect, it } from 'vitest'
import { type LogTestLimits, runLogTests } from './conformance.setup.ts'
import { MemoryLog } from './memory.ts'

function setup(limits: LogTestLimits & { logWindowsMax?: number }, viewCount: number) {
  let now = 1_000_000
  const log = new MemoryLog({ viewCount, limits, runtime: { now: () => now } })
  const advance = (ms: number) => {
    now += ms
  }
  return { log, advance }
}

runLogTests('the log in memory', setup)

describe('the log in memory', () => {
  const touch = (log: MemoryLog, lsn: number, channel: string, text = '{}') =>
    log.append({
      kind: 'transaction',
      transaction: { xid: lsn, lsn, at: 1, channels: [{ channel, views: [[Buffer.from(text)]] }] },
    })

  it('G11: what it forgets on demand is told as trimmed, and who is up to date goes on', () => {
    const { log } = setup({ retentionMs: 1e9, logBytesMax: 1e9, logTotalBytesMax: 1e9 }, 1)
    log.append({ kind: 'epoch', epoch: 'e', lsn: 0 })
    for (let lsn = 1; lsn <= 10; lsn++) touch(log, lsn, `c/${lsn % 2}`)
    log.forget()
    expect(log.status()).toEqual({ channels: 0, entries: 0, bytes: 0 })
    for (const channel of ['c/0', 'c/1', 'c/2']) {
      expect(log.read(channel, 0, { epoch: 'e', lsn: 9 })).toEqual({ reset: 'trimmed' })
      expect(log.read(channel, 0, { epoch: 'e', lsn: 10 })).toEqual({ entries: [], more: false })
    }
    touch(log, 11, 'c/1')
    expect(log.read('c/1', 0, { epoch: 'e', lsn: 10 })).toMatchObject({ entries: [{ lsn: 11 }] })
    expect(log.read('c/1', 0, { epoch: 'e', lsn: 9 })).toEqual({ reset: 'trimmed' })
  })

  it('G12: forgets the channels that were quiet longest when there are too many', () => {
    const { log } = setup(
      { retentionMs: 1e9, logBytesMax: 1e9, logTotalBytesMax: 1e9, logWindowsMax: 100 },
      1,
    )
    log.append({ kind: 'epoch', epoch: 'e', lsn: 0 })
    for (let lsn = 1; lsn <= 1000; lsn++) touch(log, lsn, `c/${lsn}`)
    expect(log.status()).toMatchObject({ channels: 100, entries: 100 })
    expect(log.read('c/1000', 0, { epoch: 'e', lsn: 900 })).toMatchObject({ more: false })
    expect(log.read('c/1000', 0, { epoch: 'e', lsn: 899 })).toMatchObject({ more: false })
    expect(log.read('c/1', 0, { epoch: 'e', lsn: 899 })).toEqual({ reset: 'trimmed' })
    expect(log.read('never/1', 0, { epoch: 'e', lsn: 900 })).toEqual({ entries: [], more: false })
  })

  it('keeps quiet channels continuable while a busy one outgrows its window', () => {
    const { log } = setup({ retentionMs: 1e9, logBytesMax: 5_000, logTotalBytesMax: 1e9 }, 1)
    log.append({ kind: 'epoch', epoch: 'e', lsn: 0 })
    touch(log, 1, 'quiet/1')
    for (let lsn = 2; lsn <= 1000; lsn++)
      touch(log, lsn, 'busy/1', `{"x":"${'x'.repeat(lsn === 500 ? 9_000 : 100)}"}`)
    expect(log.read('busy/1', 0, { epoch: 'e', lsn: 1 })).toEqual({ reset: 'trimmed' })
    expect(log.read('quiet/1', 0, { epoch: 'e', lsn: 0 })).toMatchObject({ entries: [{ lsn: 1 }] })
    expect(log.read('never/1', 0, { epoch: 'e', lsn: 0 })).toEqual({ entries: [], more: false })
    expect(log.status().bytes).toBeLessThan(7_000)
  })

  it('G12: holds no more than its bytes over all channels, the oldest going first', () => {
    const { log } = setup({ retentionMs: 1e9, logBytesMax: 1e9, logTotalBytesMax: 20_000 }, 1)
    log.append({ kind: 'epoch', epoch: 'e', lsn: 0 })
    for (let lsn = 1; lsn <= 1000; lsn++) {
      touch(log, lsn, `c/${lsn % 7}`, `{"x":"${'x'.repeat(lsn % 300)}"}`)
      expect(log.status().bytes).toBeLessThanOrEqual(20_000)
    }
    const kept = log.status().entries
    expect(kept).toBeGreaterThan(20)
    for (let c = 0; c < 7; c++) {
      expect(log.read(`c/${c}`, 0, { epoch: 'e', lsn: 1000 - kept })).toMatchObject({ more: false })
      expect(log.read(`c/${c}`, 0, { epoch: 'e', lsn: 1000 - kept - 7 })).toEqual({ reset: 'trimmed' })
    }
  })

  it('G11: resets of some channels hold for these, however many come after, and for no others', () => {
    const { log } = setup({ retentionMs: 1e9, logBytesMax: 1e9, logTotalBytesMax: 1e9 }, 1)
    log.append({ kind: 'epoch', epoch: 'e', lsn: 0 })
    for (const [lsn, channel] of [
      [1, 'a/1'],
      [2, 'b/1'],
      [3, 'z/1'],
    ] as const)
      touch(log, lsn, channel)
    const reset = (lsn: number, name: string) =>
      log.append({
        kind: 'reset',
        lsn,
        reason: 'truncated',
        scope: { templates: [parseChannelPattern(`${name}/:id`)], channels: [] },
      })
    reset(10, 'a')
    touch(log, 11, 'a/1')
    const read = (channel: string, lsn: number) => log.read(channel, 0, { epoch: 'e', lsn })
    expect(read('a/1', 9)).toEqual({ reset: 'truncated' })
    expect(read('a/2', 9)).toEqual({ reset: 'truncated' })
    expect(read('a/1', 10)).toMatchObject({ entries: [{ lsn: 11 }] })
    expect(read('z/1', 0)).toMatchObject({ entries: [{ lsn: 3 }] })
    expect(read('z/2', 0)).toEqual({ entries: [], more: false })
    // More than are told apart: what is forgotten of them voids more than it must, never less.
    for (let lsn = 20; lsn < 120; lsn++) reset(lsn, 'b')
    expect(read('a/1', 9)).toEqual({ reset: 'truncated' })
    expect(read('a/2', 9)).toEqual({ reset: 'trimmed' })
    expect(read('a/1', 10)).toMatchObject({ entries: [{ lsn: 11 }] })
    expect(read('b/1', 118)).toEqual({ reset: 'truncated' })
    expect(read('b/1', 30)).toEqual({ reset: 'truncated' })
    expect(read('b/1', 119)).toEqual({ entries: [], more: false })
    expect(read('z/1', 0)).toMatchObject({ entries: [{ lsn: 3 }] })
  })
})
