import type { Checker } from '../history/history.ts'
import { checker } from './rule.ts'

/** G12: no queue is ever longer than its bound. */
export function bounds(): Checker {
  return checker('G12', (report) => ({
    measured({ where, what, unit, size, bound }) {
      if (size > bound) report(`${what} of ${where} has ${size} ${unit}, and may have ${bound}`)
    },
  }))
}
