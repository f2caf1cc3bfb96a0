import type { Checker, HistoryEvent, Violation } from '../history/history.ts'

/** Says that the promise was broken at the present event. */
export type Report = (message: string, promise?: string) => void

type Takers = { readonly [K in HistoryEvent['kind']]?: (event: Extract<HistoryEvent, { kind: K }>) => void }

/** A checker written as what it does with each kind of event. */
export interface Rule extends Takers {
  /** Before the taker of its kind, with every event. */
  readonly every?: (event: HistoryEvent) => void
  readonly end?: () => void
}

/** Makes a checker of a rule. */
export function checker(promise: string, rule: (report: Report) => Rule): Checker {
  let found: Violation[] = []
  let event = 0
  const watch = rule((message, of = promise) => found.push({ promise: of, message, event }))
  const taken = (): readonly Violation[] => {
    const now = found
    found = []
    return now
  }
  return {
    promise,
    take(next, index) {
      event = index
      watch.every?.(next)
      // The taker under an event's kind takes that kind, which indexing by a union forgets.
      const take = watch[next.kind] as ((event: HistoryEvent) => void) | undefined
      take?.(next)
      return found.length === 0 ? none : taken()
    },
    end() {
      watch.end?.()
      return taken()
    },
  }
}

const none: readonly Violation[] = []

/** Where two sets of values differ: `7 is 3 instead of 4`. Undefined: nowhere. */
export function difference(
  shown: Readonly<Record<string, unknown>>,
  expected: ReadonlyMap<string, unknown>,
): string | undefined {
  const wrong: string[] = []
  for (const [name, value] of expected) {
    const is = Object.hasOwn(shown, name) ? shown[name] : undefined
    if (is !== value) wrong.push(`${name} is ${is ?? 'missing'} instead of ${value}`)
  }
  for (const name of Object.keys(shown)) if (!expected.has(name)) wrong.push(`${name} is there`)
  return wrong.length === 0 ? undefined : wrong.join(', ')
}
