import { describe, expect, test } from 'vitest'
import { correctHistory } from '../history/correct.testing.ts'
import { check, type Deadlines } from './checks.ts'

const deadlines: Deadlines = { silentMs: 40_000, releaseMs: 40_000, ghostMs: 60_000 }

describe('the checkers', () => {
  test('pass correct histories', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const history = correctHistory(seed)
      const violations = check(history, deadlines)
      if (violations.length > 0) {
        for (const { event } of violations.slice(0, 3))
          console.log(
            seed,
            JSON.stringify(history.slice(Math.max(0, event - 12), event + 2), null, 0).replaceAll(
              '},{',
              '},\n{',
            ),
          )
      }
      expect(violations, `seed ${seed}`).toEqual([])
    }
  })
})
