import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RowRuns } from './row-runs.ts'
import { RowTexts } from './row-texts.ts'

/** Sizes about those of a piece of memory, and none. */
const size = fc.oneof(fc.constant(0), fc.nat(40), fc.nat(30_000), fc.nat(200_000))

function write(rows: RowTexts, text: string): number {
  rows.json.text(text)
  if (text !== '') rows.json.text(',')
  rows.end()
  return rows.next - 1
}

it('keeps rows of any size, forgets those that are taken back, and can be used again', () => {
  const step = fc.record({ size, cut: fc.nat(9), partial: fc.nat(70_000) })
  const used = new RowTexts()
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      used.clear()
      const texts: string[] = []
      for (const [i, step] of steps.entries()) {
        if (step.cut === 0) {
          used.json.text('y'.repeat(step.partial))
          used.cut(Math.floor(texts.length / 2))
          texts.length = Math.floor(texts.length / 2)
        }
        texts.push(String.fromCharCode(97 + (i % 26)).repeat(step.size))
        write(used, texts.at(-1) ?? '')
      }
      expect(used.next).toBe(texts.length)
      expect(used.bytes).toBe(texts.reduce((sum, { length }) => sum + (length && length + 1), 0))
      texts.forEach((text, row) => {
        expect(used.isEmpty(row)).toBe(text === '')
        if (text !== '' && used.text(row) !== text) throw new Error(`row ${row} is another`)
      })
    }),
    { numRuns: 200 },
  )
})

it('gives rows that lie side by side as one piece, over the edges of memory and gaps', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ size, told: fc.nat(4) }), { maxLength: 30 }), (told) => {
      const rows = new RowTexts()
      const runs = new RowRuns()
      const texts: string[] = []
      let pieces = 0
      for (const [i, { size, told: isTold }] of told.entries()) {
        const text = String(i % 10).repeat(size)
        const row = write(rows, text)
        if (isTold === 0 || text === '') continue
        runs.add(rows, row)
        texts.push(text)
      }
      const joined: string[] = []
      runs.forEachPiece(rows, (piece) => {
        pieces++
        joined.push(piece.toString())
      })
      expect(joined.join()).toBe(texts.join())
      expect(pieces).toBeLessThanOrEqual(texts.length)
      const each: string[] = []
      runs.forEach(rows, (row) => each.push(rows.text(row)))
      expect(each).toEqual(texts)
    }),
    { numRuns: 200 },
  )
  const rows = new RowTexts()
  const runs = new RowRuns()
  for (let i = 0; i < 100; i++) runs.add(rows, write(rows, `${i}`))
  let pieces = 0
  runs.forEachPiece(rows, () => pieces++)
  expect(pieces).toBe(1)
})

it('has the memory of one commit used by the next, however large that was', () => {
  const rows = new RowTexts()
  const first = rows.json.bytes
  for (let i = 0; i < 300_000; i++) write(rows, `row ${i}`)
  expect(rows.json.bytes).not.toBe(first)
  rows.clear()
  expect(rows.json.bytes).toBe(first)
  expect(rows.text(write(rows, 'next'))).toBe('next')
})
