import { LockstepError } from '@lockstep/protocol'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { readCookie } from '../../apps/scrum/src/server/sign-in/cookie-session.ts'
import { signCallback, verifyCallback } from '../../packages/server/src/callback/signature.ts'
import { matchesEtag, quoteEtag } from '../../packages/server/src/http/etag.ts'
import { isOriginAllowed } from '../../packages/server/src/http/origin.ts'
import { PublishSecrets } from '../../packages/server/src/publish/secret.ts'
import { signToken, verifyToken } from '../../packages/server/src/session/token.ts'
import { fuzz, parsedOr } from './fuzz.ts'
import { mutatedText } from './mutation.ts'

const secret = 'a secret of more than thirty-two characters'
const now = 1_790_000_000_000

describe('S1: a token', () => {
  const claims = fc.record({
    session: fc.string(),
    user: fc.record({ id: fc.string() }),
    expiresAt: fc.constant(now + 1_000),
  })
  const token = claims.map((one) => signToken(secret, one))

  fuzz(
    'is of nobody but its signer: one that was touched is refused',
    fc.tuple(claims, mutatedText(fc.constant(''), 3), fc.nat(), fc.nat()),
    ([one, inserted, at, length]) => {
      const right = signToken(secret, one)
      const start = at % right.length
      const broken = right.slice(0, start) + inserted + right.slice(start + (length % 5))
      const read = parsedOr(LockstepError, () => verifyToken([secret], broken, now))
      if (read === undefined) return
      expect(broken).toBe(right)
      expect(read).toEqual(one)
    },
  )

  fuzz('that was mutated is refused by a code', mutatedText(token), (broken) => {
    parsedOr(LockstepError, () => verifyToken([secret], broken, now))
  })
})

describe('A2: a signature', () => {
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST'),
    target: fc.webPath(),
    body: fc.string(),
  })
  fuzz(
    'is of one request, one secret and one time',
    fc.tuple(request, request, fc.constantFrom('lockstep-signature', 'lockstep-timestamp'), fc.string()),
    ([sent, got, header, value]) => {
      const headers = signCallback(secret, sent, now)
      const same = sent.method === got.method && sent.target === got.target && sent.body === got.body
      const of = (name: string): string | undefined => headers[name]
      expect(verifyCallback([`other ${secret}`, secret], got, of, now)).toBe(same)
      expect(verifyCallback([`other ${secret}`], sent, of, now)).toBe(false)
      const touched = (name: string): string | undefined => (name === header ? value : headers[name])
      if (value !== headers[header]) expect(verifyCallback([secret], sent, touched, now)).toBe(false)
    },
  )
})

describe('B1: the secret of a backend', () => {
  fuzz('is the whole of it', mutatedText(fc.constant(`Bearer ${secret.replaceAll(' ', '_')}`)), (header) => {
    const right = secret.replaceAll(' ', '_')
    const allowed = new PublishSecrets([right]).allows(header)
    expect(allowed).toBe(/^bearer +(.*)$/is.exec(header)?.[1] === right)
  })
})

describe('headers', () => {
  const name = fc.constantFrom('a', 'session', 'session2', '', ' session')
  const value = fc.oneof(fc.stringMatching(/^[\w-]{43}$/), fc.string({ maxLength: 50 }))
  const cookie = fc
    .array(fc.tuple(name, value))
    .map((all) => all.map(([key, one]) => `${key}=${one}`).join('; '))

  fuzz('with cookies give one of its form or none', mutatedText(cookie), (text) => {
    const headers = new Headers()
    try {
      headers.set('cookie', text)
    } catch {
      return // no header at all
    }
    const form = /^[\w-]{43}$/
    const read = readCookie(new Request('http://a', { headers }), 'session', form)
    if (read !== undefined) expect(text.includes(read) && form.test(read)).toBe(true)
  })

  fuzz(
    'with tags tell those that are in them',
    fc.tuple(fc.array(fc.stringMatching(/^[\w.-]{1,8}$/)), fc.nat()),
    ([tags, n]) => {
      const header = tags.map((tag, i) => `${i % 2 ? 'W/' : ''}"${tag}"`).join(', ')
      for (const tag of tags) expect(matchesEtag(header, quoteEtag(tag))).toBe(true)
      expect(matchesEtag(header, quoteEtag(`not there ${n}`))).toBe(false)
    },
  )

  fuzz(
    'with broken tags are read in time',
    fc.tuple(mutatedText(fc.constant('W/"a", "b"'), 8), fc.nat(10_000)),
    ([text, times]) => {
      matchesEtag(text.repeat(1 + Math.min(times, 40_000 / (text.length + 1))), '"c"')
    },
  )

  const origin = fc.oneof(
    fc.constantFrom(
      'https://good.com',
      'http://good.com',
      'https://good.com:443',
      'null',
      'https://other.com',
    ),
    fc.webUrl(),
  )
  fuzz('with an origin that is not ours let nobody in', mutatedText(origin, 3), (text) => {
    const facts = { host: 'good.com', hasCookie: true, allowed: new Set(['https://other.com']) }
    if (!isOriginAllowed({ ...facts, origin: text })) return
    expect(text).toMatch(/^(https?:\/\/good\.com(:0*(443|80))?:?|https:\/\/other\.com(:0*443)?:?)$/)
  })
})
