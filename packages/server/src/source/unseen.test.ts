import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Unseen } from './unseen.ts'

describe('commits that are not visible yet', () => {
  it('are known from the first look on until one sees them, for any history', () => {
    const step = fc.record({ kind: fc.constantFrom('given', 'seen', 'look'), which: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const unseen = new Unseen()
        const hidden = new Map<number, number>()
        let lsn = 0
        for (const { kind, which } of steps) {
          if (kind === 'given') {
            lsn += 10
            // Some are visible before anybody looks.
            if (which > 5) hidden.set(lsn, lsn)
            unseen.given(lsn, lsn)
          } else if (kind === 'seen') hidden.delete([...hidden.keys()][which] ?? 0)
          else expect(unseen.look((xid) => !hidden.has(xid))).toBe(Math.min(...hidden.values()))
        }
      }),
    )
  })

  it('take bounded memory, whatever comes between two looks', () => {
    const unseen = new Unseen()
    for (let xid = 1; xid <= 200_000; xid++) unseen.given(xid, xid)
    expect(unseen.look((xid) => xid !== 199_999)).toBe(199_999)
    expect(unseen.look(() => true)).toBe(Number.POSITIVE_INFINITY)
  })
})
