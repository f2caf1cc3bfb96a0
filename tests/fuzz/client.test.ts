import type { ServerMessage } from '@lockstep/protocol'
import fc from 'fast-check'
import { afterAll, describe, expect } from 'vitest'
import { stage } from '../../packages/client/test/stage.ts'
import { fuzz } from './fuzz.ts'
import { mutatedText } from './mutation.ts'

const plainNames = Object.getOwnPropertyNames(Object.prototype).sort()
afterAll(() => {
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(plainNames)
})

const position = fc.constantFrom('e1.10', 'e1.17', 'e1.1e', 'e1.fffff', 'e2.1', 'e1.', '', '__proto__')
const row = fc.record({ id: fc.nat(3), title: fc.string() })
const changes = fc.record({
  items: fc.record(
    {
      create: fc.dictionary(fc.constantFrom('1', '3', '__proto__', 'constructor'), row),
      update: fc.dictionary(fc.constantFrom('1', '2', '9', '__proto__'), fc.record({ title: fc.string() })),
      destroy: fc.array(fc.constantFrom('1', '2', '9')),
    },
    { requiredKeys: [] },
  ),
})
const channel = fc.constantFrom('a', 'b', '__proto__')
/** Everything that a server says, at any time; what ends a session for good is left out. */
const message = fc.oneof(
  fc.record({ type: fc.constant('transaction'), channel, position, prev: position, at: fc.nat(), changes }),
  fc.record({ type: fc.constantFrom('live', 'heartbeat'), channel, position }),
  fc.record({ type: fc.constant('reset'), channel, reason: fc.string() }),
  fc.record({ type: fc.constant('bundle'), count: fc.nat(4) }),
  fc.record({ type: fc.constant('subscribed'), id: fc.nat(4), channel }),
  fc.record({ type: fc.constant('confirmed'), mutation: fc.string(), position }),
  fc.record({ type: fc.constant('barrier'), id: fc.nat(9), position }),
  fc.record({ type: fc.constant('goodbye'), retryMs: fc.oneof(fc.integer(), fc.double()) }),
  fc.record({
    type: fc.constant('snapshot'),
    channel,
    position,
    collections: fc.record({
      items: fc.record({
        columns: fc.constantFrom(['id', 'title'], ['id'], ['__proto__', 'id'], []),
        key: fc.constantFrom([0], [], [7]),
        rows: fc.array(fc.array(fc.jsonValue({ maxDepth: 1 }), { maxLength: 3 }), { maxLength: 3 }),
      }),
    }),
  }),
  fc.record({
    type: fc.constant('operations'),
    channel,
    at: fc.nat(),
    operations: fc.array(fc.record({ operation: fc.string(), envelope: fc.jsonValue() })),
  }),
)
/** With any field any other value, and as text with anything in it. */
const odd = fc
  .tuple(
    message,
    fc.constantFrom('channel', 'position', 'changes', 'collections', 'type', 'none'),
    fc.jsonValue(),
  )
  .map(([right, field, value]) => JSON.stringify(field === 'none' ? right : { ...right, [field]: value }))
const broken = mutatedText(odd, 3)
const forGood = /"type":"(error|welcome|revoked|token)"|"session"/

type Step =
  | { readonly kind: 'broken'; readonly text: string }
  | { readonly kind: 'commit' | 'arrive' | 'write' }
const step: fc.Arbitrary<Step> = fc.oneof(
  broken.map((text): Step => ({ kind: 'broken', text })),
  fc.constantFrom<Step>({ kind: 'commit' }, { kind: 'arrive' }, { kind: 'write' }),
)

describe('a client', () => {
  fuzz(
    'G1, R4: that is told nonsense throws nothing, and after a new log has the rows of the server',
    fc.array(step, { minLength: 1, maxLength: 12 }),
    async (steps) => {
      const { server, runtime, client: make, connect, errors } = stage()
      const client = make('page')
      client.channel('a').items.subscribe(() => {})
      connect()
      for (const [i, one] of steps.entries()) {
        if (one.kind === 'broken' && !forGood.test(one.text)) server.connection.garble(one.text)
        else if (one.kind === 'commit') server.commit({ a: { items: { update: { 1: { title: `${i}` } } } } })
        else if (one.kind === 'arrive') server.connection.arrive()
        else
          void client
            .channel('a')
            .items.update(2, { title: `${i}` })
            .catch(() => {})
      }
      server.newEpoch()
      server.commit({ a: { items: { create: { 5: { id: 5, title: 'after all' } } } } })
      server.connection.cut()
      for (let tries = 0; tries < 20 && client.status.state !== 'live'; tries++) {
        await runtime.advance(200_000)
        if (!server.connection.ended) connect()
        await runtime.advance(1)
      }
      expect(client.status.state).toBe('live')
      server.connection.arrive()
      await runtime.advance(1)
      const rows = [...server.rows('a', 'items').values()]
      const byId = (list: readonly object[]): string[] => list.map((one) => JSON.stringify(one)).sort()
      expect(byId(client.channel('a').items.all())).toEqual(byId(rows))
      for (const error of errors) expect(error).toBeInstanceOf(Error)
      client.close()
    },
    400,
  )

  fuzz(
    'whose server says only what it may never comes to harm',
    fc.array(message, { maxLength: 20 }),
    (messages) => {
      const { server, live } = stage()
      const client = live()
      for (const one of messages) server.connection.outbox.push(one as ServerMessage) // as any server might
      server.connection.arrive()
      expect(Array.isArray(client.channel('a').items.all())).toBe(true)
      client.close()
    },
    1_000,
  )
})
