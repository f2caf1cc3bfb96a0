import { LockstepError } from '@lockstep/protocol'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SessionClaims } from './session.ts'
import { assertSecrets, signToken, verifyToken } from './token.ts'

const secret = 'a secret of more than thirty-two characters'
const other = 'another secret of more than thirty-two chars'
const claims: SessionClaims = {
  session: 's1',
  user: { id: 7, name: 'Olivia' },
  channels: ['project/1'],
  issuedAt: 'k3f9a2.16b3748',
  expiresAt: 1_000,
}

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'no error'
  } catch (error) {
    if (error instanceof LockstepError) return error.code
    throw error
  }
}

describe('a session token', () => {
  it('S1: gives back the claims it was made of', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 64 }),
        fc.record({
          id: fc.oneof(fc.string({ maxLength: 64 }), fc.integer()),
          name: fc.string({ maxLength: 64, unit: 'grapheme' }),
        }),
        fc.option(fc.array(fc.string({ maxLength: 16 }), { maxLength: 8 }), { nil: undefined }),
        fc.option(fc.constant('k3f9a2.16b3748'), { nil: undefined }),
        fc.integer({ min: 1, max: 2 ** 53 - 1 }),
        (session, user, channels, issuedAt, expiresAt) => {
          const made = { session, user, channels, issuedAt, expiresAt }
          const expected = JSON.parse(JSON.stringify(made))
          expect(verifyToken([secret], signToken(secret, made), expiresAt - 1)).toEqual(expected)
        },
      ),
    )
  })

  it('G9, S1: is refused with any bit of it changed', () => {
    const token = signToken(secret, claims)
    const bytes = Buffer.from(token, 'base64url')
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(codeOf(() => verifyToken([secret], changed.toString('base64url'), 0))).toBe('unauthorized')
    }
  })

  it('G9: is refused with any character of it changed, and has no second spelling', () => {
    const token = signToken(secret, claims)
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, character) => {
        fc.pre(token[at] !== character)
        const changed = token.slice(0, at) + character + token.slice(at + 1)
        expect(codeOf(() => verifyToken([secret], changed, 0))).toBe('unauthorized')
      }),
      { numRuns: 2_000 },
    )
    for (const spelled of [
      `${token}=`,
      `${token}==`,
      ` ${token}`,
      `${token}\n`,
      token.slice(0, -1),
      token.slice(1),
      `${token}A`,
    ]) {
      expect(codeOf(() => verifyToken([secret], spelled, 0))).toBe('unauthorized')
    }
  })

  it('is refused when it is no token at all', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(codeOf(() => verifyToken([secret], text, 0))).toBe('unauthorized')
      }),
    )
    expect(codeOf(() => verifyToken([secret], 'A'.repeat(1_000_000), 0))).toBe('unauthorized')
  })

  it('is expired from its time on', () => {
    const token = signToken(secret, claims)
    expect(codeOf(() => verifyToken([secret], token, 999))).toBe('no error')
    expect(codeOf(() => verifyToken([secret], token, 1_000))).toBe('session_expired')
  })

  it('outlives a change of the secret while the old one is accepted', () => {
    const token = signToken(secret, claims)
    expect(codeOf(() => verifyToken([other, secret], token, 0))).toBe('no error')
    expect(codeOf(() => verifyToken([other], token, 0))).toBe('unauthorized')
    expect(codeOf(() => verifyToken([], token, 0))).toBe('unauthorized')
  })

  it('G12: refuses a user that does not fit', () => {
    expect(codeOf(() => signToken(secret, { ...claims, user: { id: 1, name: 'x'.repeat(4_000) } }))).toBe(
      'too_large',
    )
  })

  it('carries __proto__ as a plain name', () => {
    const user = JSON.parse('{"id": 1, "__proto__": {"admin": true}}')
    const { user: found } = verifyToken(
      [secret],
      signToken(secret, { ...claims, session: '__proto__', user }),
      0,
    )
    expect(found.admin).toBeUndefined()
    expect(Object.prototype).toEqual({})
  })

  it('wants secrets that are long enough', () => {
    expect(() => assertSecrets([])).toThrow(TypeError)
    expect(() => assertSecrets([secret, 'short'])).toThrow(TypeError)
    expect(() => assertSecrets([secret, other])).not.toThrow()
  })
})
