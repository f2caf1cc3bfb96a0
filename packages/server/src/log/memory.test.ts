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
})
