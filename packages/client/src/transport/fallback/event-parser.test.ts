import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EventParser, type StreamEvent } from './event-parser.ts'

function parse(pieces: readonly string[]): StreamEvent[] {
  const events: StreamEvent[] = []
  const parser = new EventParser((event) => events.push(event))
  for (const piece of pieces) parser.push(piece)
  return events
}

test('C2: events are lines of fields, whatever ends the lines', () => {
  expect(parse(['event: close\ndata: {"code":1}\n\n'])).toEqual([{ name: 'close', data: '{"code":1}' }])
  expect(parse(['data: a\r\ndata:b\rdata:  c\r\n\r\n'])).toEqual([{ name: '', data: 'a\nb\n c' }])
  expect(parse([': a comment\nid: 7\nretry: 3\ndata\n\n'])).toEqual([{ name: '', data: '' }])
  expect(parse(['event: unfinished\n\n', 'data: x\n'])).toEqual([])
})

test('C2: a line end that was cut in two is one line end', () => {
  expect(parse(['data: a\r', '\ndata: b\r', '\n\r', '\n'])).toEqual([{ name: '', data: 'a\nb' }])
})

test('C2: a stream means the same however it is cut', () => {
  const piece = fc.constantFrom('data: ', 'event: x', 'data', ':', '\n', '\r', '\r\n', '\n\n', 'ä', ' ', '{')
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat(200)), (pieces, cuts) => {
      const text = pieces.join('')
      const sorted = [...cuts].sort((a, b) => a - b)
      const cut = [0, ...sorted].map((from, i) => text.slice(from, sorted[i] ?? text.length))
      expect(parse(cut)).toEqual(parse([text]))
      expect(parse(text.split(''))).toEqual(parse([text]))
    }),
  )
})
