import { LockstepError } from '@lockstep/protocol'
import fc from 'fast-check'
import { describe, expect } from 'vitest'
import { compileSync } from '../../packages/server/src/definition/compile.ts'
import { readMessage } from '../../packages/server/src/publish/message.ts'
import { forEachElement, forEachMember, memberOf } from '../../packages/server/src/routing/json-scan.ts'
import { readWriterMessage } from '../../packages/server/src/routing/writer-message.ts'
import { readHead } from '../../packages/server/src/write/request.ts'
import { fuzz, parsedOr } from './fuzz.ts'
import { mutatedText } from './mutation.ts'

const sync = compileSync({
  channels: { 'list/:list': { authorize: () => true }, all: { authorize: () => true } },
  collections: {
    todos: { external: { id: 'integer', title: 'text', list: 'integer' }, channel: 'list/:list' },
    parts: { external: { a: 'text', b: 'text', n: 'integer' }, key: ['a', 'b'], channel: 'all' },
    items: { table: 'items', channel: 'all', columns: ['id'] },
  },
})

/** JSON as hostile as it gets: names that objects have by themselves, nesting. */
const odd = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    { toString: 1, valueOf: 1 },
    { toString: null },
    [[[]]],
    '__proto__',
    '017',
    17,
    Infinity,
  ),
  fc.nat(300).map((depth) => JSON.parse('['.repeat(depth + 1) + ']'.repeat(depth + 1))),
)
const name = fc.constantFrom(
  '17',
  'a,b',
  'a%2C,b',
  '__proto__',
  'constructor',
  'id',
  'title',
  'list',
  'a',
  'b',
  '',
)
const row = fc.oneof(fc.dictionary(name, odd), odd)
const rows = fc.oneof(fc.dictionary(name, row), odd)
const published = fc.record(
  {
    channel: fc.oneof(fc.constantFrom('list/1', '/list/1', 'all', 'none', '__proto__'), odd),
    collection: fc.oneof(fc.constantFrom('todos', 'parts', 'items', 'constructor'), odd),
    data: fc.oneof(
      fc.record({ create: rows, update: rows, destroy: fc.oneof(fc.array(odd), rows) }, { requiredKeys: [] }),
      odd,
    ),
    operation: fc.oneof(fc.string(), odd),
    envelope: odd,
    key: fc.oneof(fc.string(), odd),
  },
  { requiredKeys: [] },
)

describe('B1, B6: what is published', () => {
  fuzz(
    'is read or refused by a code',
    published,
    (value) => {
      const read = parsedOr(LockstepError, () => readMessage(value, { sync, channels: undefined }))
      for (const one of read?.rows?.create ?? []) {
        const names = Object.keys(one.values)
        expect(names.filter((column) => !read?.rows?.collection.columns.includes(column))).toEqual([])
      }
    },
    5_000,
  )
})

describe('W3: what a writer says of itself', () => {
  const said = fc.oneof(
    fc.record(
      {
        session: odd,
        mutation: odd,
        operations: fc.oneof(
          fc.array(
            fc.record({ channel: fc.oneof(name, odd), operation: odd, envelope: odd }, { requiredKeys: [] }),
          ),
          odd,
        ),
      },
      { requiredKeys: [] },
    ),
    odd,
  )
  const text = said.map((value) => {
    try {
      return JSON.stringify(value)
    } catch {
      return '{}' // nested deeper than can be written
    }
  })

  fuzz('is read, or it is said what is wrong', mutatedText(text), (content) => {
    const read = readWriterMessage(content)
    if (typeof read === 'string') expect(read.length).toBeLessThan(60)
    else for (const one of read.operations) JSON.parse(one.text)
  })

  fuzz(
    'in headers is read or refused by a code',
    fc.record({
      'lockstep-session': fc.string(),
      'idempotency-key': fc.string(),
      host: fc.string(),
      url: fc.string(),
    }),
    ({ url, ...headers }) => {
      parsedOr(LockstepError, () => readHead({ method: 'POST', url, headers }))
    },
  )
})

describe('JSON that was made here', () => {
  /** With blanks where Postgres leaves them: around values. */
  const spaced = fc
    .tuple(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom('', ' ', '\n\t '))
    .map(([object, blank]) => ({
      object,
      text: `{${Object.entries(object)
        .map(
          ([key, value]) =>
            `${JSON.stringify(key)}:${blank}${JSON.stringify(value, undefined, blank)}${blank}`,
        )
        .join()}}`,
    }))

  fuzz('is taken apart as it was put together', spaced, ({ object, text }) => {
    const seen: [string, unknown][] = []
    forEachMember(text, (key, value) => seen.push([key, JSON.parse(value)]))
    expect(seen).toEqual(Object.entries(JSON.parse(JSON.stringify(object))))
    for (const key of Object.keys(object))
      expect(JSON.parse(memberOf(text, key) ?? '')).toEqual(JSON.parse(text)[key])
    const list = Object.values(object)
    const elements: unknown[] = []
    forEachElement(JSON.stringify(list), (value) => elements.push(JSON.parse(value)))
    expect(elements).toEqual(JSON.parse(JSON.stringify(list)))
  })

  fuzz(
    'ends, or is refused, where it is broken all the same',
    mutatedText(spaced.map(({ text }) => text)),
    (text) => {
      let visits = 0
      const count = (): void => {
        // More values than characters: the scan does not move on.
        if (++visits > text.length + 1) throw new RangeError('endless')
      }
      for (const scan of [forEachMember, forEachElement])
        try {
          scan(text, count)
        } catch (error) {
          expect(error).not.toBeInstanceOf(RangeError)
        }
    },
  )
})
