import fc from 'fast-check'
import { expect, it } from 'vitest'
import { forEachElement, forEachMember, memberOf } from './json-scan.ts'

it('hands out the members and elements of any JSON text as they stand', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true }),
      (object) => {
        const members: [string, string][] = []
        forEachMember(JSON.stringify(object), (name, value) => members.push([name, value]))
        expect(members).toEqual(Object.entries(object).map(([name, value]) => [name, JSON.stringify(value)]))
      },
    ),
  )
  fc.assert(
    fc.property(fc.array(fc.jsonValue({ maxDepth: 3 })), (array) => {
      const elements: string[] = []
      forEachElement(JSON.stringify(array), (value) => elements.push(value))
      expect(elements).toEqual(array.map((value) => JSON.stringify(value)))
    }),
  )
})

it('leaves numbers alone that JavaScript cannot hold', () => {
  expect(memberOf('{"a":1,"b":[12345678901234567890,{"c":"]}\\""}]}', 'b')).toBe(
    '[12345678901234567890,{"c":"]}\\""}]',
  )
  expect(memberOf('{}', 'b')).toBeUndefined()
})

it('takes the spaces that a json column holds for part of the value', () => {
  expect(memberOf('{"a": { "x" : [1, 2] }\n,"b":\t"c" ,"d": 5 }', 'a')).toBe(' { "x" : [1, 2] }\n')
  expect(memberOf('{"a": { "x" : [1, 2] }\n,"b":\t"c" ,"d": 5 }', 'b')).toBe('\t"c" ')
  expect(memberOf('{"a": { "x" : [1, 2] }\n,"b":\t"c" ,"d": 5 }', 'd')).toBe(' 5 ')
})

it('ends with an error on text that breaks off', () => {
  expect(() => memberOf('{"a":[1', 'a')).toThrow()
  expect(() => memberOf('{"a', 'a')).toThrow()
})
