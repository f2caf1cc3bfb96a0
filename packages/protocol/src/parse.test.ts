import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { type ErrorCode, LockstepError } from './errors.ts'
import { clientMessageDepthMax, tokenLengthMax } from './limits.ts'
import { parseClientMessage, RequestError } from './parse.ts'

const prototypeNames = Object.getOwnPropertyNames(Object.prototype).sort()

afterEach(() => {
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(prototypeNames)
})

function refusal(text: string): { code: ErrorCode; id: number | undefined } {
  try {
    parseClientMessage(text)
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error
    return { code: error.code, id: error instanceof RequestError ? error.id : undefined }
  }
  throw new Error('The message was accepted.')
}

describe('parseClientMessage', () => {
  it.each([
    [{ type: 'hello', version: 1, token: 't' }],
    [{ type: 'subscribe', id: 1, channel: 'project/1' }],
    [{ type: 'subscribe', id: 2, channel: 'project/1', position: 'k3f9a2.16b3748' }],
    [{ type: 'unsubscribe', id: 3, channel: 'project/1' }],
    [{ type: 'barrier', id: 0 }],
  ])('M1, M2, M3: reads %j', (message) => {
    expect(parseClientMessage(JSON.stringify(message))).toEqual(message)
    expect(parseClientMessage(JSON.stringify({ ...message, later: { a: [1] } }))).toEqual(message)
  })

  it.each([
    ['empty', ''],
    ['a blank', ' '],
    ['null', 'null'],
    ['an array', '[]'],
    ['a number', '1'],
    ['a text', '"hello"'],
    ['true', 'true'],
    ['truncated', '{"type":"hello","version":1,"tok'],
    ['two messages', '{"type":"barrier","id":1}{"type":"barrier","id":2}'],
    ['a byte order mark', '\ufeff{"type":"barrier","id":1}'],
    ['NUL', '\0'],
    ['no fields', '{}'],
    ['a type that is no text', '{"type":1}'],
    ['a type of null', '{"type":null}'],
    ['a type of __proto__', '{"__proto__":{"type":"barrier","id":1}}'],
    ['a type in an array', '{"type":["barrier"],"id":1}'],
    ['nesting of 100,000', `${'['.repeat(100_000)}${']'.repeat(100_000)}`],
    ['open nesting of 100,000', '{"a":'.repeat(100_000)],
    [
      'nesting over the bound',
      `{"type":"barrier","id":1,"x":${'['.repeat(clientMessageDepthMax)}1${']'.repeat(clientMessageDepthMax)}}`,
    ],
    ['hello without version', '{"type":"hello","token":"t"}'],
    ['hello with a version of text', '{"type":"hello","version":"1","token":"t"}'],
    ['hello with a broken version', '{"type":"hello","version":1.5,"token":"t"}'],
    ['hello with an endless version', '{"type":"hello","version":1e400,"token":"t"}'],
    ['hello without token', '{"type":"hello","version":1}'],
    ['hello with a token of null', '{"type":"hello","version":1,"token":null}'],
    [
      'hello with an endless token',
      JSON.stringify({ type: 'hello', version: 1, token: 'x'.repeat(tokenLengthMax + 1) }),
    ],
    ['barrier without id', '{"type":"barrier"}'],
    ['barrier with an id of text', '{"type":"barrier","id":"1"}'],
    ['barrier with a negative id', '{"type":"barrier","id":-1}'],
    ['barrier with an id of -0', '{"type":"barrier","id":-0}'],
    ['barrier with a broken id', '{"type":"barrier","id":0.5}'],
    ['barrier with an id beyond 2^53', '{"type":"barrier","id":9007199254740993}'],
    ['subscribe without id', '{"type":"subscribe","channel":"project/1"}'],
  ])('M12: %s is bad_request', (_what, text) => {
    expect(refusal(text).code).toBe('bad_request')
  })

  it.each(['Hello', 'publish', 'transaction', '', '__proto__', 'constructor', 'toString'])(
    'M12: the type "%s" is unknown_type, with the id of the request',
    (type) => {
      expect(refusal(JSON.stringify({ type, id: 7 }))).toEqual({ code: 'unknown_type', id: 7 })
    },
  )

  it.each<[string, unknown]>([
    ['none', undefined],
    ['null', null],
    ['a number', 1],
    ['an array', ['project/1']],
    ['an object', {}],
    ['a lone surrogate', 'project/\ud800'],
    ['NUL', 'project/\0'],
    ['10 kB', 'x'.repeat(10_240)],
    ['a wildcard', '**'],
  ])('M12: a channel of %s is bad_channel, with the id of the request', (_what, channel) => {
    expect(refusal(JSON.stringify({ type: 'subscribe', id: 7, channel }))).toEqual({
      code: 'bad_channel',
      id: 7,
    })
    expect(refusal(JSON.stringify({ type: 'unsubscribe', id: 7, channel }))).toEqual({
      code: 'bad_channel',
      id: 7,
    })
  })

  it.each([
    ['1e400', '1e400'],
    ['-0', '-0'],
    ['2^53 + 1', '9007199254740993'],
    ['a million digits', '1'.repeat(1_000_000)],
    ['a million digits of text', `"a.${'1'.repeat(1_000_000)}"`],
    ['null', 'null'],
    ['an object', '{"epoch":"a","lsn":1}'],
  ])('M12: a position of %s is bad_position, with the id of the request', (_what, position) => {
    const text = `{"type":"subscribe","id":7,"channel":"project/1","position":${position}}`
    expect(refusal(text)).toEqual({ code: 'bad_position', id: 7 })
  })

  it('M12: brackets inside texts do not count as nesting', () => {
    const text = JSON.stringify({ type: 'hello', version: 1, token: '[{"\\'.repeat(100) })
    expect(parseClientMessage(text)).toMatchObject({ type: 'hello' })
  })

  it('M12: __proto__ and constructor are plain names', () => {
    const text =
      '{"type":"barrier","id":1,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'
    const message = parseClientMessage(text)
    expect(message).toEqual({ type: 'barrier', id: 1 })
    expect(message).not.toHaveProperty('polluted')
    expect(parseClientMessage('{"type":"subscribe","id":1,"channel":"__proto__"}')).toEqual({
      type: 'subscribe',
      id: 1,
      channel: '__proto__',
    })
  })

  it('M12: whatever arrives, only LockstepError is thrown', () => {
    const field = fc.oneof(
      fc.constantFrom('type', 'id', 'channel', 'position', 'version', 'token', '__proto__', 'constructor'),
      fc.string(),
    )
    const type = fc.constantFrom('hello', 'subscribe', 'unsubscribe', 'barrier', 'nonsense')
    const like = fc
      .tuple(type, fc.dictionary(field, fc.jsonValue({ maxDepth: 3 })))
      .map(([name, rest]) => JSON.stringify({ type: name, ...rest }))
    const cut = fc.tuple(like, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1)))
    const anything = fc.oneof(like, cut, fc.json(), fc.string({ unit: 'binary' }), fc.string())
    fc.assert(
      fc.property(anything, (text) => {
        try {
          parseClientMessage(text)
        } catch (error) {
          expect(error).toBeInstanceOf(LockstepError)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
