import fc from 'fast-check'
import { expect, test } from 'vitest'
import { byPosition } from '../model/board.ts'
import { listsInOrder } from './kept-order.ts'

interface Row {
  readonly id: number
  readonly position: string
  readonly list: number | null
  readonly text: number
}

const list = fc.constantFrom(null, 1, 2)
const position = fc.stringMatching(/^[a-c]{1,2}$/)
const step = fc.oneof(
  fc.record({ kind: fc.constant('create' as const), list, position, many: fc.constantFrom(1, 2, 150) }),
  fc.record({ kind: fc.constant('change' as const), at: fc.nat(), text: fc.nat() }),
  fc.record({ kind: fc.constant('move' as const), at: fc.nat(), list, position }),
  fc.record({ kind: fc.constant('destroy' as const), at: fc.nat() }),
  fc.record({ kind: fc.constant('turn' as const) }),
)

test('lists are in order after every change, and those that it did not touch are the same arrays', () => {
  fc.assert(
    fc.property(fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 30 }), (commits) => {
      const lists = listsInOrder(({ list: of }: Row) => of)
      let rows: readonly Row[] = []
      let before = lists(rows)
      let id = 0
      for (const commit of commits) {
        const touched = new Set<number | null>()
        for (const one of commit) rows = after(rows, one, touched)
        const now = lists(rows)
        expect(now).toBe(lists(rows))
        const expected = new Map<number | null, Row[]>()
        for (const row of [...rows].sort(byPosition))
          expected.set(row.list, [...(expected.get(row.list) ?? []), row])
        expect(Object.fromEntries(now)).toEqual(Object.fromEntries(expected))
        for (const [key, kept] of before) if (!touched.has(key)) expect(now.get(key)).toBe(kept)
        before = now
      }

      function after(
        was: readonly Row[],
        one: typeof step extends fc.Arbitrary<infer S> ? S : never,
        touched: Set<number | null>,
      ): readonly Row[] {
        if (one.kind === 'create') {
          touched.add(one.list)
          const { list: of, position: at } = one
          return [
            ...was,
            ...Array.from({ length: one.many }, () => ({ id: ++id, position: at, list: of, text: 0 })),
          ]
        }
        // Another snapshot may have its rows in any order.
        if (one.kind === 'turn') return [...was].reverse()
        const row = was[one.at % Math.max(was.length, 1)]
        if (row === undefined) return was
        touched.add(row.list)
        if (one.kind === 'destroy') return was.filter((other) => other !== row)
        const next = one.kind === 'change' ? { ...row, text: one.text } : { ...row, ...places(one, touched) }
        return was.map((other) => (other === row ? next : other))
      }

      function places(
        { list: of, position: at }: { list: number | null; position: string },
        touched: Set<number | null>,
      ): Pick<Row, 'list' | 'position'> {
        touched.add(of)
        return { list: of, position: at }
      }
    }),
  )
})
