import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadlines, grainMs } from './deadlines.ts'

test('K3: everything is found due once, in the order of its last deadline, and not before it', () => {
  const steps = fc.array(fc.tuple(fc.nat(9), fc.option(fc.nat(50_000), { nil: undefined }), fc.nat(3_000)))
  fc.assert(
    fc.property(steps, (moves) => {
      const deadlines = new Deadlines<number>()
      const model = new Map<number, number>()
      let now = 0
      for (const [item, after, pause] of moves) {
        deadlines.set(item, after === undefined ? undefined : now + after)
        if (after === undefined) model.delete(item)
        else model.set(item, now + after)
        now += pause
        for (let due = deadlines.takeDue(now); due !== undefined; due = deadlines.takeDue(now)) {
          expect(model.get(due)).toBeLessThanOrEqual(now)
          model.delete(due)
        }
        for (const at of model.values()) expect(at).toBeGreaterThan(now - grainMs)
        const next = Math.min(...model.values())
        if (model.size === 0) expect(deadlines.next).toBe(Number.POSITIVE_INFINITY)
        else expect(deadlines.next - next).toBeLessThan(grainMs)
      }
    }),
  )
})
