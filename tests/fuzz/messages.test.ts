import {
  comparePositions,
  embedJson,
  encodePosition,
  encodeSegment,
  fillChannel,
  isChannel,
  joinKey,
  LockstepError,
  matchChannel,
  parseChannelPattern,
  parsePosition,
} from '@lockstep/protocol'
import fc from 'fast-check'
import { afterAll, describe, expect } from 'vitest'
import { parseClientMessage } from '../../packages/protocol/src/parse.ts'
import { parseLockOrder } from '../../packages/protocol/src/parse-lock.ts'
import { fuzz, parsedOr } from './fuzz.ts'
import { mutatedText } from './mutation.ts'

const plainNames = Object.getOwnPropertyNames(Object.prototype).sort()
afterAll(() => {
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(plainNames)
})

const id = fc.nat()
const channel = fc.constantFrom('project/1', 'a/%C3%96', '__proto__', 'constructor/x', 'hall/$')
const resource = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 })
const message = fc.oneof(
  fc.record({ type: fc.constant('hello'), version: fc.nat(2), token: fc.base64String() }),
  fc.record(
    {
      type: fc.constant('subscribe'),
      id,
      channel,
      position: fc.maxSafeNat().map((lsn) => encodePosition({ epoch: 'k3', lsn })),
      view: id,
    },
    { requiredKeys: ['type', 'id', 'channel'] },
  ),
  fc.record({ type: fc.constantFrom('unsubscribe', 'look', 'barrier'), id, channel }),
  fc.record({ type: fc.constant('presence'), id, channel, state: fc.jsonValue({ maxDepth: 3 }) }),
  fc.record({ type: fc.constant('broadcast'), id, channel, event: fc.string(), data: fc.jsonValue() }),
  fc.record(
    {
      type: fc.constantFrom('lock', 'unlock', 'answer'),
      id,
      channel,
      resource,
      doing: fc.string(),
      leaseMs: fc.oneof(fc.integer(), fc.double()),
      waitMs: fc.integer({ max: 200_000 }),
      ask: fc.boolean(),
      session: fc.string(),
      yield: fc.boolean(),
    },
    { requiredKeys: ['type', 'channel', 'resource'] },
  ),
  fc.dictionary(
    fc.constantFrom('type', 'id', 'channel', '__proto__', 'constructor', 'position'),
    fc.jsonValue(),
  ),
)
const text = message.map((value) => JSON.stringify(value))

describe('P1, M12: a message of a client', () => {
  fuzz(
    'is read or refused by a code, and what was read is read again as the same',
    mutatedText(text),
    (broken) => {
      const read = parsedOr(LockstepError, () => parseClientMessage(broken))
      if (read === undefined) return
      // As text: JSON has no -0.
      expect(JSON.stringify(parseClientMessage(JSON.stringify(read)))).toBe(JSON.stringify(read))
      if ('channel' in read) expect(isChannel(read.channel)).toBe(true)
      if ('id' in read) expect(Number.isSafeInteger(read.id)).toBe(true)
    },
    5_000,
  )

  fuzz('about locks over HTTP is read or refused by a code', mutatedText(text), (broken) => {
    const read = parsedOr(LockstepError, () => parseLockOrder(broken))
    if (read !== undefined) expect(parseLockOrder(JSON.stringify(read))).toEqual(read)
  })
})

describe('P3: a position', () => {
  const position = fc.record({
    epoch: fc.stringMatching(/^[a-z0-9]{1,16}$/),
    lsn: fc.maxSafeNat(),
  })

  fuzz('comes back as it went out, and in the order of the log', fc.tuple(position, position), ([a, b]) => {
    expect(parsePosition(encodePosition(a))).toEqual(a)
    const order = comparePositions(a, { ...b, epoch: a.epoch }) ?? Number.NaN
    expect(Math.sign(order)).toBe(Math.sign(a.lsn - b.lsn))
  })

  fuzz(
    'has one spelling: what is taken for one is written so',
    mutatedText(fc.oneof(position.map(encodePosition), fc.constantFrom('e.01', 'e.00', 'e.1', 'E.1'))),
    (broken) => {
      const read = parsedOr(LockstepError, () => parsePosition(broken))
      if (read !== undefined) expect(encodePosition(read)).toBe(broken)
    },
  )
})

describe('P2: a channel', () => {
  const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,8}$/)
  const value = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 })
  const filled = fc
    .array(value, { minLength: 1, maxLength: 4 })
    .map((values) => values.map(encodeSegment).join('/'))

  const otherwise = fc.constantFrom('project/%41', 'a/%c3%96', 'a/%2F', '%25', 'a/%FF')
  fuzz('that is one has one spelling', mutatedText(fc.oneof(filled, otherwise)), (broken) => {
    if (!isChannel(broken)) return
    const pattern = parseChannelPattern(
      broken
        .split('/')
        .map((_, i) => `:p${i}`)
        .join('/'),
    )
    const params = matchChannel(pattern, broken)
    if (params === undefined) return
    expect(fillChannel(pattern, (parameter) => params[parameter] ?? null)).toBe(broken)
  })

  const pattern = fc
    .array(
      fc.oneof(
        name,
        name.map((parameter) => `:${parameter}`),
      ),
      { minLength: 1, maxLength: 5 },
    )
    .map((segments) => segments.join('/'))
  fuzz('pattern is read or refused by a code', mutatedText(pattern), (broken) => {
    const read = parsedOr(LockstepError, () => parseChannelPattern(broken))
    if (read === undefined) return
    expect(read.segments.map((one) => (one.kind === 'fixed' ? one.text : `:${one.name}`)).join('/')).toBe(
      broken,
    )
  })
})

describe('P5: a key', () => {
  const parts = fc.array(fc.string({ unit: fc.constantFrom('%', ',', '2', '5', 'C', 'a', '') }), {
    minLength: 2,
    maxLength: 3,
  })
  fuzz('of several columns is of these values only', fc.tuple(parts, parts), ([a, b]) => {
    if (a.length === b.length && joinKey(a) === joinKey(b)) expect(a).toEqual(b)
  })
})

describe('P7: a page', () => {
  fuzz('holds any value, and none ends its element', fc.jsonValue(), (value) => {
    const html = embedJson({ value, more: '</script><!--\u2028' })
    expect(html).not.toMatch(/[<\u2028\u2029]/)
    expect(JSON.parse(html).value).toEqual(JSON.parse(JSON.stringify(value)))
  })
})
