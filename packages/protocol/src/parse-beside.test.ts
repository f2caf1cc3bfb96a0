import { describe, expect, it } from 'vitest'
import { LockstepError } from './errors.ts'
import { parseClientMessage } from './parse.ts'
import { parseLockOrder } from './parse-lock.ts'

const place = { channel: 'project/1', resource: 'items/17' }

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof LockstepError) return error.code
    throw error
  }
  return 'accepted'
}

describe('messages about locks', () => {
  it.each([
    [{ type: 'look', id: 0, channel: 'project/1' }],
    [{ type: 'lock', id: 1, ...place }],
    [{ type: 'lock', id: 1, ...place, doing: 'editing', leaseMs: 1_000, waitMs: 120_000, ask: true }],
    [{ type: 'lock', id: 1, ...place, leaseMs: 3_600_000, waitMs: 0, ask: false }],
    [{ type: 'unlock', id: 2, ...place }],
    [{ type: 'answer', id: 3, ...place, session: 's1', yield: false }],
  ])('K2, K3, K5, K6: %j is read', (message) => {
    expect(parseClientMessage(JSON.stringify({ ...message, later: 1 }))).toEqual(message)
  })

  it.each<[string, string, string]>([
    ['a lease of 0', '"leaseMs":0', 'bad_lease'],
    ['a lease of -1', '"leaseMs":-1', 'bad_lease'],
    ['a lease of 10^9 s', '"leaseMs":1000000000000', 'bad_lease'],
    ['a lease of 1e400', '"leaseMs":1e400', 'bad_lease'],
    ['a broken lease', '"leaseMs":1500.5', 'bad_lease'],
    ['a lease of text', '"leaseMs":"1000"', 'bad_request'],
    ['a wait of -1', '"waitMs":-1', 'bad_request'],
    ['a wait of an hour', '"waitMs":3600000', 'bad_request'],
    ['a question without waiting', '"ask":true', 'bad_request'],
    ['a question of text', '"ask":"yes","waitMs":1', 'bad_request'],
    ['doing of 101 letters', `"doing":"${'x'.repeat(101)}"`, 'bad_request'],
    ['doing that is no text', '"doing":{}', 'bad_request'],
    ['doing with a line end', '"doing":"a\\nb"', 'bad_request'],
    ['doing with half a character', '"doing":"\\ud800"', 'bad_request'],
  ])('K2, K3, K5: %s is refused', (_what, field, code) => {
    const text = `{"type":"lock","id":1,"channel":"project/1","resource":"items/17",${field}}`
    expect(codeOf(() => parseClientMessage(text))).toBe(code)
  })

  it.each<[string, string]>([
    ['missing', ''],
    ['empty', ',"resource":""'],
    ['a number', ',"resource":17'],
    ['a list', ',"resource":["items/17"]'],
    ['257 letters', `,"resource":"${'x'.repeat(257)}"`],
    ['NUL', ',"resource":"items/\\u0000"'],
    ['half a character', ',"resource":"\\ud83d"'],
  ])('K2: a resource that is %s is refused', (_what, field) => {
    for (const type of ['lock', 'unlock', 'answer']) {
      const text = `{"type":"${type}","id":1,"channel":"project/1","session":"s","yield":true${field}}`
      expect(codeOf(() => parseClientMessage(text))).toBe('bad_request')
    }
  })

  it('K2: __proto__ and constructor are plain names', () => {
    for (const resource of ['__proto__', 'constructor', 'toString']) {
      const message = { type: 'lock', id: 1, channel: '__proto__', resource }
      expect(parseClientMessage(JSON.stringify(message))).toEqual(message)
    }
  })
})

describe('messages about presence', () => {
  it.each([
    [{ type: 'presence', id: 1, channel: 'project/1', state: null }],
    [{ type: 'presence', id: 1, channel: 'project/1', state: { page: ['a', 1, true] } }],
    [{ type: 'broadcast', id: 1, channel: 'project/1', event: 'pointer', data: { x: 1 } }],
  ])('N2, N5: %j is read', (message) => {
    expect(parseClientMessage(JSON.stringify({ ...message, later: 1 }))).toEqual(message)
  })

  it.each<[string, string, string]>([
    ['without a state', '"type":"presence","channel":"a"', 'bad_request'],
    ['of no channel', '"type":"presence","channel":"a//b","state":1', 'bad_channel'],
    ['without data', '"type":"broadcast","channel":"a","event":"x"', 'bad_request'],
    ['without an event', '"type":"broadcast","channel":"a","data":1', 'bad_request'],
    ['with an empty event', '"type":"broadcast","channel":"a","event":"","data":1', 'bad_request'],
    [
      'with an event of 65 letters',
      `"type":"broadcast","channel":"a","event":"${'x'.repeat(65)}","data":1`,
      'bad_request',
    ],
    ['with half a character', '"type":"broadcast","channel":"a","event":"\\ud800","data":1', 'bad_request'],
  ])('N2, N5: %s is refused', (_what, fields, code) => {
    expect(codeOf(() => parseClientMessage(`{"id":1,${fields}}`))).toBe(code)
  })

  it('N2: a state keeps __proto__ as a plain name', () => {
    const message = parseClientMessage(
      '{"type":"presence","id":1,"channel":"a","state":{"__proto__":{"x":1}}}',
    )
    expect(JSON.stringify(message)).toContain('"state":{"__proto__":{"x":1}}')
  })
})

describe('the body of a request about locks', () => {
  it('K7: is a message without id, and without waiting', () => {
    expect(parseLockOrder(JSON.stringify({ type: 'lock', ...place, doing: 'x' }))).toEqual({
      type: 'lock',
      ...place,
      doing: 'x',
    })
    expect(parseLockOrder(JSON.stringify({ type: 'unlock', ...place }))).toEqual({ type: 'unlock', ...place })
    const refused: [string, string][] = [
      [JSON.stringify({ type: 'lock', ...place, waitMs: 1 }), 'bad_request'],
      [JSON.stringify({ type: 'lock', ...place, leaseMs: 0 }), 'bad_lease'],
      [JSON.stringify({ type: 'answer', ...place }), 'unknown_type'],
      [JSON.stringify({ type: '__proto__', ...place }), 'unknown_type'],
      [JSON.stringify(place), 'bad_request'],
      [JSON.stringify({ type: 'lock', resource: 'x', channel: 'a//b' }), 'bad_channel'],
      ['', 'bad_request'],
      ['[]', 'bad_request'],
      ['{"a":'.repeat(10_000), 'bad_request'],
    ]
    for (const [text, code] of refused)
      expect(
        codeOf(() => parseLockOrder(text)),
        text,
      ).toBe(code)
  })
})
