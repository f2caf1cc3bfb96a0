import { describe, expect, it } from 'vitest'
import { eventually } from './eventually.ts'

describe('eventually', () => {
  it('resolves with the value of the first attempt that succeeds', async () => {
    let attempts = 0
    const value = await eventually(() => {
      attempts++
      if (attempts === 1) throw new Error('not yet')
      return attempts === 2 ? false : attempts
    })
    expect(value).toBe(3)
  })

  it('counts undefined as success, so that a bare assertion will do', async () => {
    await expect(eventually(() => undefined)).resolves.toBeUndefined()
  })

  it('rejects with the last failure when the time is over', async () => {
    let attempts = 0
    const failing = eventually(
      () => {
        attempts++
        throw new Error(`failure ${attempts}`)
      },
      { timeoutMs: 20, everyMs: 1 },
    )
    await expect(failing).rejects.toThrow(/^Not so within 20 ms: failure \d+$/)
    expect(attempts).toBeGreaterThan(1)
  })
})
