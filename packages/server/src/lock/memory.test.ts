import { expect, test } from 'vitest'
import { VirtualRuntime } from '../runtime/virtual.ts'
import { runLockTests, testBounds } from './conformance.setup.ts'
import { MemoryLocks } from './memory.ts'

async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await null
}

runLockTests('the memory of a node', async () => {
  const runtime = new VirtualRuntime()
  return {
    locks: new MemoryLocks(runtime, testBounds),
    settled,
    async advance(ms) {
      runtime.advance(ms)
      await settled()
    },
  }
})

test('K3: a clock that is set back by an hour makes no lease longer', async () => {
  const runtime = new VirtualRuntime()
  const locks = new MemoryLocks(runtime, testBounds)
  const claim = { channel: 'c', resource: 'r', session: 's', user: { id: 1 }, by: null, doing: '' }
  await locks.take({ ...claim, leaseMs: 5_000, waitMs: 0, ask: false })
  runtime.setBack(3_600_000)
  runtime.advance(5_100)
  expect(locks.current('c')).toEqual([])
})
