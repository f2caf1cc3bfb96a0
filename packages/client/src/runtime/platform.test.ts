// @vitest-environment happy-dom
import { expect, test, vi } from 'vitest'
import { platformRuntime } from './platform.ts'

test('hints of a better network come from going online and from being looked at, until they are unwanted', () => {
  let hints = 0
  const stop = platformRuntime.onWake(() => {
    hints++
  })
  dispatchEvent(new Event('online'))
  document.dispatchEvent(new Event('visibilitychange'))
  expect(hints).toBe(2)
  stop()
  dispatchEvent(new Event('online'))
  document.dispatchEvent(new Event('visibilitychange'))
  expect(hints).toBe(2)
})

test('ids are 128 random bits', () => {
  const ids = new Set(Array.from({ length: 100 }, () => platformRuntime.uniqueId()))
  expect(ids.size).toBe(100)
  for (const id of ids) expect(id).toMatch(/^\d{1,10}(-\d{1,10}){3}$/)
})

test('a timer that is cancelled does not run', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    const cancel = platformRuntime.timer(1, () => order.push('cancelled'))
    platformRuntime.timer(5, () => {
      order.push('ran')
      resolve()
    })
    cancel()
  })
  expect(order).toEqual(['ran'])
})

test('a clock that is set back goes on from where it was, so that nothing waits an hour', () => {
  vi.useFakeTimers({ toFake: ['Date'], now: 5_000_000_000_000 })
  try {
    const before = platformRuntime.now()
    vi.setSystemTime(5_000_000_000_000 - 3_600_000)
    expect(platformRuntime.now()).toBe(before)
    vi.setSystemTime(5_000_000_000_000 - 3_600_000 + 250)
    expect(platformRuntime.now()).toBe(before + 250)
  } finally {
    vi.useRealTimers()
  }
})
