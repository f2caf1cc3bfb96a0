import { expect, it } from 'vitest'
import type { Collection } from '../definition/definition.ts'
import { silentLogger } from '../runtime/logger.ts'
import { VirtualRuntime } from '../runtime/virtual.ts'
import { defaultObserveLimits } from './observe.ts'
import { Runner } from './runner.ts'
import type { TappedCommit } from './tap.ts'
import { Waiting } from './waiting.ts'

const items: Collection = {
  name: 'items',
  schema: 'public',
  table: 'items',
  columns: ['id'],
  key: [0],
  channels: [],
  views: [],
}

function commit(lsn: number, size = 10): TappedCommit {
  const list = [{ event: 'create' as const, key: String(lsn), row: `{"id":${lsn}}`, before: undefined }]
  const changes = new Map([[items, { size, list, reset: undefined }]])
  return { lsn, at: 0, session: undefined, mutation: undefined, operations: [], changes }
}

it('B9: G12: what waits for an observer is bounded; beyond that it is told to read anew', () => {
  const waiting = new Waiting(items, { epoch: 'e', lsn: 5 }, 30)
  for (const lsn of [4, 5, 6, 7, 8]) waiting.add(commit(lsn))
  expect([waiting.length, waiting.first?.position.lsn]).toEqual([3, 6])
  waiting.add(commit(9))
  expect([waiting.length, waiting.first?.reset, waiting.first?.position.lsn]).toEqual([1, 'slow', 9])
  waiting.add(commit(10))
  expect(waiting.length).toBe(2)
})

it('B8: tells of a stream that begins after the position, and not of one that begins before it', () => {
  const waiting = new Waiting(items, { epoch: 'e', lsn: 5 }, 30)
  waiting.begin({ epoch: 'e', lsn: 5 })
  expect(waiting.length).toBe(0)
  waiting.begin({ epoch: 'e', lsn: 6 })
  expect(waiting.first).toMatchObject({ reset: 'trimmed', position: { epoch: 'e', lsn: 6 } })
  waiting.begin({ epoch: 'f', lsn: 1 })
  expect(waiting.first).toMatchObject({ reset: 'epoch', position: { epoch: 'f', lsn: 1 } })
})

it('B9: an observer that goes on failing stops with a bound, and goes on when it is resumed', async () => {
  const runtime = new VirtualRuntime()
  const waiting = new Waiting(items, { epoch: 'e', lsn: 1 }, 1_000)
  let calls = 0
  let works = false
  const runner = new Runner({
    waiting,
    position: { epoch: 'e', lsn: 1 },
    react: () => {
      calls++
      if (!works) throw new TypeError('x')
    },
    options: {},
    limits: { ...defaultObserveLimits, attemptsMax: 4, pauseMs: 100, pauseMsMax: 200 },
    runtime,
    logger: silentLogger,
    onClose: () => Promise.resolve(),
  })
  waiting.add(commit(2))
  runner.nudge()
  for (let i = 0; i < 100; i++) {
    await Promise.resolve()
    runtime.advance(50)
  }
  expect([calls, runner.status().state]).toEqual([4, 'stopped'])
  works = true
  runner.resume()
  for (let i = 0; i < 20; i++) await Promise.resolve()
  expect([calls, runner.status()]).toEqual([5, { state: 'running', position: 'e.2', waiting: 0 }])
  await runner.close()
  expect(runner.status().state).toBe('closed')
})
