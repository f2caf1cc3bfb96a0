import type { Checker } from '../history/history.ts'
import { checker } from './rule.ts'

/** Whatever is broken on purpose, no code of ours throws or reports what it does not expect. */
export function sound(): Checker {
  return checker('code', (report) => ({
    broken: ({ of, message }) => report(`${of}: ${message}`),
  }))
}
