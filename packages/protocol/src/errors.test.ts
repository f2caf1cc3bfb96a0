import { describe, expect, it } from 'vitest'
import { type ErrorCode, errorTable, LockstepError } from './errors.ts'
import { RequestError } from './parse.ts'

// Object.keys loses the type of the keys; they are the codes by the table's own type.
const codes = Object.keys(errorTable) as ErrorCode[]

describe('errors', () => {
  it.each(codes)('E1: %s has a close code that follows from its HTTP status', (code) => {
    const { http, close, retryable } = errorTable[code]
    expect(http).toBeGreaterThanOrEqual(400)
    expect(http).toBeLessThan(600)
    expect(close).toBe(http < 500 ? 4400 + (http % 100) : 4500 + (http % 100))
    // Whoever failed for the server's sake may try again; whoever failed for their own may not, but for haste.
    expect(retryable).toBe(http >= 500 || http === 429)
  })

  it.each(codes)('E1: %s has a message for people, one sentence or two', (code) => {
    expect(errorTable[code].message).toMatch(/^[A-Z].*\.$/)
  })

  it('E1: an error crosses the wire as code, message and retryable, never its cause', () => {
    const error = new LockstepError('unavailable', undefined, { cause: new Error('secret') })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'unavailable',
      message: errorTable.unavailable.message,
      retryable: true,
    })
    expect([error.http, error.close, error.retryable]).toEqual([503, 4503, true])
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('LockstepError')
  })

  it('E1: the request number is not part of the error', () => {
    const error = new RequestError(new LockstepError('bad_channel'), 7)
    expect(error.toJSON()).toEqual(new LockstepError('bad_channel').toJSON())
    expect(error.id).toBe(7)
  })
})
