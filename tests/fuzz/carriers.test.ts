import { LockstepError } from '@lockstep/protocol'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { EventParser, type StreamEvent } from '../../packages/client/src/transport/fallback/event-parser.ts'
import { Batch } from '../../packages/server/src/hub/batch.ts'
import { defaultLimits } from '../../packages/server/src/limits.ts'
import { encodeFrame, payloadOf } from '../../packages/server/src/log/frame.ts'
import { nodeRuntime } from '../../packages/server/src/runtime/node.ts'
import {
  errorText,
  isChannel,
  isGlob,
  matches,
  messagesOf,
  patternsOf,
  Refusal,
  readMessage,
  replyTo,
} from '../../packages/server/src/transport/bayeux/message.ts'
import { batchEvents, eventText } from '../../packages/server/src/transport/fallback/event-text.ts'
import { Frames } from '../../packages/server/src/transport/juggernaut/frames.ts'
import { readHandshake } from '../../packages/server/src/transport/juggernaut/handshake.ts'
import {
  messageIdText,
  parseMessageId,
  startOf,
} from '../../packages/server/src/transport/juggernaut/message-id.ts'
import { fuzz, parsedOr } from './fuzz.ts'
import { mutatedBytes, mutatedText } from './mutation.ts'

const anyText = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\n', '\r', '\r\n', '\n\n', 'data: ', 'event: x', ':', ' ', '\0'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 3 }),
  ),
  maxLength: 20,
})
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })

/** As a client reads it: bytes in pieces, decoded as they come. */
function eventsIn(bytes: Uint8Array, sizes: readonly number[]): StreamEvent[] {
  const events: StreamEvent[] = []
  const parser = new EventParser((event) => events.push(event))
  const decoder = new TextDecoder()
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    parser.push(decoder.decode(bytes.subarray(at, at + size), { stream: true }))
    at += size
  }
  return events
}

/** Line ends of all kinds arrive as line feeds. */
const asSent = (text: string): string => text.replace(/\r\n|\r/g, '\n').toWellFormed()

describe('C2: an event stream', () => {
  fuzz('carries any text, however it is cut', fc.tuple(fc.array(anyText), cuts), ([texts, sizes]) => {
    const bytes = Buffer.from(texts.map((text) => eventText(text)).join(''))
    expect(eventsIn(bytes, sizes)).toEqual(texts.map((text) => ({ name: '', data: asSent(text) })))
  })

  fuzz(
    'carries any JSON as the same',
    fc.tuple(fc.array(fc.jsonValue(), { minLength: 1 }), cuts),
    ([values, sizes]) => {
      // As Postgres writes json: with line ends between its tokens.
      const texts = values.map((value) => JSON.stringify(value, undefined, '\n'))
      const bytes = batchEvents(new Batch(texts.map((text) => encodeFrame(text))))
      const read = eventsIn(bytes, sizes).map(({ data }) => JSON.parse(data))
      expect(read).toEqual(values.map((value) => JSON.parse(JSON.stringify(value))))
    },
  )

  fuzz(
    'that is broken gives events, or none',
    fc.tuple(
      mutatedBytes(
        // Proxies may end lines as they like.
        fc.tuple(fc.array(anyText), fc.constantFrom('\n', '\r\n', '\r')).map(([texts, end]) => {
          const text = texts.map((one) => eventText(one, 'x')).join('')
          return Buffer.from(text.replaceAll('\n', end))
        }),
      ),
      cuts,
    ),
    ([bytes, sizes]) => {
      expect(eventsIn(bytes, sizes)).toEqual(eventsIn(bytes, [bytes.length + 1]))
    },
  )
})

describe('a frame', () => {
  fuzz('has the bytes of its text and says how many', anyText, (text) => {
    const frame = encodeFrame(text)
    expect(payloadOf(frame)).toBe(text.toWellFormed())
    expect(frame.length - frame.payloadStart).toBe(Buffer.byteLength(text))
  })
})

describe('Y1: Bayeux', () => {
  const segment = fc.constantFrom(
    'a',
    'meta',
    'sync',
    'service',
    '1',
    '__proto__',
    'a.b',
    '%41',
    '*',
    '**',
    '',
  )
  const channel = fc.array(segment, { minLength: 1, maxLength: 4 }).map((all) => `/${all.join('/')}`)
  const message = fc.record(
    {
      channel: fc.oneof(channel, fc.constantFrom('/meta/handshake', '/meta/connect', '/meta/subscribe')),
      id: fc.oneof(fc.string(), fc.nat(), fc.constant(null)),
      clientId: fc.oneof(fc.base64String(), fc.jsonValue()),
      subscription: fc.oneof(channel, fc.array(channel), fc.jsonValue()),
      ext: fc.jsonValue(),
      advice: fc.jsonValue(),
      data: fc.jsonValue(),
    },
    { requiredKeys: [] },
  )
  const request = fc
    .oneof(message, fc.array(message, { maxLength: 3 }), fc.jsonValue())
    .map((value) => JSON.stringify(value))

  fuzz('is read or refused, message by message', mutatedText(request), (text) => {
    for (const fields of messagesOf(text) ?? []) {
      const reply = replyTo(fields)
      expect(() => JSON.stringify(reply)).not.toThrow()
      const read = parsedOr(Refusal, () => readMessage(fields))
      if (read === undefined) continue
      expect(isChannel(read.channel) && !isGlob(read.channel)).toBe(true)
      expect(patternsOf(read.channel).every((pattern) => matches(pattern, read.channel))).toBe(true)
    }
  })

  fuzz('forms are read as any server reads them', fc.array(request), (texts) => {
    const form = new URLSearchParams(texts.map((text) => ['message', text]))
    expect(new URLSearchParams(form.toString()).getAll('message')).toEqual(
      texts.map((text) => text.toWellFormed()),
    )
  })

  fuzz('globs give what their patterns say', fc.tuple(channel, channel), ([pattern, name]) => {
    if (!isChannel(name) || !(isChannel(pattern) || isGlob(pattern))) return
    expect(matches(pattern, name)).toBe(patternsOf(name).includes(pattern))
  })

  fuzz('errors have the form that clients know', fc.tuple(anyText, anyText), ([args, words]) => {
    expect(errorText(403, args, words)).toMatch(/^403:[\w\-!~()$@ /*.,]*:[\w\-!~()$@ /*.]*$/)
  })
})

describe('J1: Juggernaut', () => {
  const command = fc.record(
    {
      command: fc.constantFrom('subscribe', 'noop', 'broadcast', '__proto__'),
      session_id: fc.oneof(fc.string(), fc.integer(), fc.jsonValue()),
      client_id: fc.jsonValue(),
      channels: fc.oneof(fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 2 }), fc.jsonValue()),
      last_msg_id: fc.oneof(fc.string(), fc.constantFrom('e.1a-3', 'e.0-1', 'e.10'), fc.jsonValue()),
      token: fc.oneof(fc.string(), fc.jsonValue()),
    },
    { requiredKeys: [] },
  )
  const stream = fc
    .array(command)
    .map((all) => Buffer.from(all.map((one) => `${JSON.stringify(one)}\0`).join('')))

  fuzz('frames are the same however they are cut', fc.tuple(mutatedBytes(stream), cuts), ([bytes, sizes]) => {
    const framesOf = (next: (i: number) => number): string[] => {
      const frames = new Frames(400)
      const texts: string[] = []
      const whole = parsedOr(LockstepError, () => {
        for (let at = 0, i = 0; at < bytes.length; at += next(i++))
          for (const text of frames.take(bytes.subarray(at, at + next(i)))) texts.push(text)
        return true
      })
      return whole === undefined ? [...texts, 'refused'] : texts
    }
    const all = framesOf(() => bytes.length)
    expect(framesOf((i) => sizes[i % sizes.length] ?? 1)).toEqual(all)
  })

  fuzz('handshakes are read or refused by a code', command, (fields) => {
    const parts = {
      verifyToken: () => {
        throw new LockstepError('unauthorized')
      },
      userOf: () => undefined,
      runtime: nodeRuntime,
      limits: defaultLimits,
      openSessions: true,
      template: undefined,
    }
    const read = parsedOr(LockstepError, () => readHandshake(new Map(Object.entries(fields)), parts))
    if (read?.after !== undefined) expect(startOf(read.after).lsn).toBeGreaterThanOrEqual(0)
  })

  const id = fc.record({
    position: fc.maxSafeNat().map((lsn) => `k3.${lsn.toString(16)}`),
    remaining: fc.nat(999_999),
  })
  fuzz('ids have one spelling', mutatedText(id.map(messageIdText)), (text) => {
    const read = parsedOr(LockstepError, () => parseMessageId(text))
    if (read === undefined) return
    expect(messageIdText(read)).toBe(text)
    expect(startOf(read).lsn).toBeGreaterThanOrEqual(0)
  })
})
