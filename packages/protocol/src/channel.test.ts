import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  assertChannel,
  encodeSegment,
  fillChannel,
  isChannel,
  matchChannel,
  parseChannelPattern,
  templateFits,
} from './channel.ts'
import { channelLengthMax } from './limits.ts'

const project = parseChannelPattern('project/:projectId')

/** Any text that a column may hold: whole code points, no lone surrogates. */
const value = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 })

describe('channels', () => {
  it('P2: filling a template and matching its pattern are inverse, whatever the values', () => {
    const pattern = parseChannelPattern('a/:x/b/:y')
    fc.assert(
      fc.property(value, value, (x, y) => {
        const channel = fillChannel(pattern, (name) => (name === 'x' ? x : y))
        expect(channel).toBeDefined()
        if (channel === undefined) return
        expect(channel.length > channelLengthMax || isChannel(channel)).toBe(true)
        expect({ ...matchChannel(pattern, channel) }).toEqual({ x, y })
      }),
    )
  })

  it('P2: two values never share a channel', () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        fc.pre(a !== b)
        expect(encodeSegment(a)).not.toBe(encodeSegment(b))
      }),
    )
  })

  it('P2: an encoded segment holds no slash and no character outside the plain set', () => {
    fc.assert(
      fc.property(value, (text) => {
        expect(encodeSegment(text)).toMatch(/^(?:[A-Za-z0-9\-_!~()$@.]|%[0-9A-F]{2})+$/)
      }),
    )
    expect(encodeSegment("a/b c'*%")).toBe('a%2Fb%20c%27%2A%25')
    expect(encodeSegment('Ö')).toBe('%C3%96')
  })

  it.each([
    ['an escaped plain letter', 'project/%41'],
    ['lower-case hex', 'project/%c3%96'],
    ['a byte that is not UTF-8', 'project/%FF'],
    ['a truncated sequence', 'project/%C3'],
    ['an overlong slash', 'project/%C0%AF'],
    ['an encoded surrogate', 'project/%ED%A0%80'],
    ['another length', 'project/1/2'],
    ['another fixed text', 'user/1'],
  ])('P2: %s is not a second name of a channel', (_what, channel) => {
    expect(matchChannel(project, channel)).toBeUndefined()
  })

  it.each([
    ['empty', ''],
    ['an empty segment', 'project//1'],
    ['a leading slash', '/project'],
    ['a trailing slash', 'project/'],
    ['a blank', 'project/a b'],
    ['NUL', 'project/\0'],
    ['a lone surrogate', 'project/\ud800'],
    ['a letter beyond ASCII', 'project/Ö'],
    ['a wildcard', 'project/*'],
    ['a parameter', 'project/:id'],
    ['a bare percent sign', 'project/%'],
    ['too long', `project/${'x'.repeat(channelLengthMax)}`],
    ['10 kB', 'x'.repeat(10_240)],
    ['a number', 1],
    ['null', null],
    ['an array', ['project/1']],
    ['an object that prints as a channel', { toString: () => 'project/1' }],
  ])('P2: %s is no channel', (_what, name) => {
    expect(isChannel(name)).toBe(false)
    expect(() => assertChannel(name)).toThrow(expect.objectContaining({ code: 'bad_channel' }))
  })

  it('P2: names up to the bound are channels', () => {
    expect(isChannel('x'.repeat(channelLengthMax))).toBe(true)
    expect(isChannel('project/1')).toBe(true)
    expect(isChannel('a.b-c_d/!~()$@/%2F')).toBe(true)
  })

  it('P2: a null or empty value gives no channel', () => {
    expect(fillChannel(project, () => null)).toBeUndefined()
    expect(fillChannel(project, () => '')).toBeUndefined()
  })

  it('P2: a value with a lone surrogate still gives a channel', () => {
    const channel = fillChannel(project, () => '\ud800')
    expect(channel).toBe('project/%EF%BF%BD')
    expect(isChannel(channel)).toBe(true)
  })

  it('P2: __proto__ and constructor are plain values and plain parameter names', () => {
    expect(matchChannel(project, 'project/__proto__')).toEqual(
      Object.assign(Object.create(null), { projectId: '__proto__' }),
    )
    const odd = parseChannelPattern(':__proto__/:constructor')
    const params = matchChannel(odd, 'a/b')
    expect(Object.entries(params ?? {})).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
    expect(Object.prototype).not.toHaveProperty('a')
  })

  it.each(['', 'a//b', 'a/:', 'a/:1x', 'a/:x-y', 'a/*', 'a b', ':x/', 'a/x:y'])(
    'P2: the pattern "%s" is refused by name',
    (source) => {
      expect(() => parseChannelPattern(source)).toThrow(expect.objectContaining({ code: 'bad_channel' }))
    },
  )

  it('a template fits a pattern when all that it makes matches', () => {
    const fits = (template: string, pattern: string) =>
      templateFits(parseChannelPattern(template), parseChannelPattern(pattern))
    expect(fits('project/:project_id', 'project/:projectId')).toBe(true)
    expect(fits('project/all', 'project/:projectId')).toBe(true)
    expect(fits('project/:id', 'project/all')).toBe(false)
    expect(fits('user/:id', 'project/:id')).toBe(false)
    expect(fits('project/:id/items', 'project/:id')).toBe(false)
  })
})
