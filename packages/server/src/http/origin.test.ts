import { describe, expect, it } from 'vitest'
import { canonicalOrigins, hostOf, isOriginAllowed } from './origin.ts'

const allowed = canonicalOrigins(['https://other.com', 'http://localhost:5173'])

function judge(origin: string | undefined, host = 'good.com', hasCookie = true, secure = false): boolean {
  return isOriginAllowed({ origin, host, hasCookie, allowed, secure })
}

describe('the Origin rule', () => {
  it('G9, S4: lets our own host and listed origins in', () => {
    expect(judge('https://good.com')).toBe(true)
    expect(judge('http://good.com')).toBe(true)
    expect(judge('https://good.com', 'GOOD.com')).toBe(true)
    expect(judge('https://other.com')).toBe(true)
    expect(judge('http://localhost:5173')).toBe(true)
    expect(judge('http://[::1]:3000', '[::1]:3000')).toBe(true)
  })

  it.each([
    'https://good.com.evil.com',
    'https://evil.com',
    'https://evilgood.com',
    'https://sub.good.com',
    'https://good.com@evil.com',
    'https://good.com:8443',
    'https://good.com/path',
    'https://good.com https://evil.com',
    'https://good.com, https://evil.com',
    'file://good.com',
    'ws://good.com',
    'null',
    '',
    'good.com',
    'https://',
    'https://good.com:99999',
    'http://localhost:5174',
    'http://other.com',
  ])('G9: refuses %j, with and without a cookie', (origin) => {
    expect(judge(origin)).toBe(false)
    expect(judge(origin, 'good.com', false)).toBe(false)
  })

  it('compares ports exactly, default ones as what they are', () => {
    expect(judge('http://good.com:3000', 'good.com:3000')).toBe(true)
    expect(judge('http://good.com:3000', 'good.com:3001')).toBe(false)
    expect(judge('http://good.com', 'good.com:80')).toBe(true)
    expect(judge('http://good.com', 'good.com:443')).toBe(false)
    expect(judge('https://good.com', 'good.com:443')).toBe(true)
  })

  it('lets requests without an origin in only when they carry no cookie', () => {
    expect(judge(undefined, 'good.com', true)).toBe(false)
    expect(judge(undefined, 'good.com', false)).toBe(true)
  })

  it('refuses a page that came without TLS where the server speaks it', () => {
    expect(judge('http://good.com', 'good.com', true, true)).toBe(false)
    expect(judge('https://good.com', 'good.com', true, true)).toBe(true)
  })

  it('refuses a host that is none', () => {
    expect(judge('https://good.com', 'good.com/@evil.com')).toBe(false)
    expect(isOriginAllowed({ origin: 'https://good.com', host: undefined, hasCookie: true, allowed })).toBe(
      false,
    )
  })

  it('believes X-Forwarded-Host only of a proxy of our own', () => {
    const headers: Record<string, string> = { host: 'inner:3000', 'x-forwarded-host': 'good.com, inner' }
    expect(hostOf((name) => headers[name], false)).toBe('inner:3000')
    expect(hostOf((name) => headers[name], true)).toBe('good.com')
    expect(hostOf((name) => (name === 'host' ? 'inner' : undefined), true)).toBe('inner')
  })

  it('takes only origins for origins', () => {
    for (const entry of ['*', 'https://*.good.com', 'good.com', 'https://good.com/path', 'null']) {
      expect(() => canonicalOrigins([entry])).toThrow(TypeError)
    }
  })
})
