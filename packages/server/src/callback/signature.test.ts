import fc from 'fast-check'
import { expect, test } from 'vitest'
import { callbackAgeMsMax, signCallback, verifyCallback } from './signature.ts'

const secret = 'a-secret-that-signs-callbacks-to-a-backend'
const now = 1_790_000_000_123
const request = { method: 'GET', target: '/juggernaut/subscribe?session_id=a', body: '' }
const signed = signCallback(secret, request, now)
const header = (name: string): string | undefined => signed[name]

test('A2: a signature holds for its request and its time, with any of the secrets', () => {
  expect(verifyCallback([secret], request, header, now)).toBe(true)
  expect(verifyCallback(['another secret of the backend, a new one', secret], request, header, now)).toBe(
    true,
  )
  expect(verifyCallback([secret], request, header, now + callbackAgeMsMax - 1_000)).toBe(true)
  expect(verifyCallback([secret], request, header, now + callbackAgeMsMax)).toBe(false)
  expect(verifyCallback([secret], request, header, now - callbackAgeMsMax - 1_000)).toBe(false)
  expect(verifyCallback(['another secret of the backend, a new one'], request, header, now)).toBe(false)
})

test('A2: and for nothing else', () => {
  for (const other of [
    { ...request, method: 'POST' },
    { ...request, target: '/juggernaut/subscribe?session_id=b' },
    { ...request, body: 'x' },
  ]) {
    expect(verifyCallback([secret], other, header, now)).toBe(false)
  }
  const { 'lockstep-timestamp': timestamp, 'lockstep-signature': signature = '' } = signed
  fc.assert(
    fc.property(fc.nat(signature.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, letter) => {
      fc.pre(signature[at] !== letter)
      const changed = signature.slice(0, at) + letter + signature.slice(at + 1)
      const headers: Record<string, string | undefined> = {
        'lockstep-timestamp': timestamp,
        'lockstep-signature': changed,
      }
      expect(verifyCallback([secret], request, (name) => headers[name], now)).toBe(false)
    }),
  )
  for (const text of [undefined, null, '', '-1', '1e3', '9'.repeat(20), `${timestamp} `]) {
    const given = (name: string): string | null | undefined =>
      name === 'lockstep-timestamp' ? text : signature
    expect(verifyCallback([secret], request, given, now)).toBe(false)
  }
})
