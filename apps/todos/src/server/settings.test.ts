import { describe, expect, test } from 'vitest'
import { readSettings } from './settings.ts'

describe('the environment', () => {
  test('may be empty', () => {
    expect(readSettings({ DATABASE_URL: '', BAYEUX_OPEN: '' })).toEqual({
      port: 3000,
      databaseUrl: undefined,
      dataDir: undefined,
      open: [],
      jsonp: false,
    })
  })

  test('opens channels and globs, several of them with commas', () => {
    expect(readSettings({ BAYEUX_OPEN: '/demo/**' }).open).toEqual(['/demo/**'])
    expect(readSettings({ BAYEUX_OPEN: ' /demo/**, /chat/*,/foo ' }).open).toEqual([
      '/demo/**',
      '/chat/*',
      '/foo',
    ])
    expect(readSettings({ BAYEUX_JSONP: '1' }).jsonp).toBe(true)
  })

  test.each(['demo', '/demo/', '/**', '/a b', '/demo/**/x', '/demo/***', '/demo/**,', ',/demo', '/dämo'])(
    'BAYEUX_OPEN=%j opens nothing: the message names it and gives an example',
    (open) => {
      expect(() => readSettings({ BAYEUX_OPEN: open })).toThrow(
        /^BAYEUX_OPEN has ".*", which is no Bayeux channel\. .*BAYEUX_OPEN=\/demo\/\*\*/,
      )
    },
  )

  test.each(['/sync/**', '/meta/x', '/service/*', '/operations'])('%s cannot be opened', (open) => {
    expect(() => readSettings({ BAYEUX_OPEN: open })).toThrow(/cannot be opened/)
  })

  test.each([
    ['PORT', '65536'],
    ['PORT', 'http'],
    ['BAYEUX_JSONP', 'yes'],
  ])('%s=%s is refused', (name, value) => {
    expect(() => readSettings({ [name]: value })).toThrow(new RegExp(`^${name} is "${value}"`))
  })
})
