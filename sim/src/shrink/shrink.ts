/** Ways to make a case smaller; `Case` is plain data. */
export type Pass<Case> = ListPass<Case> | ValuePass<Case>

/** Leaves out items of a list. */
export interface ListPass<Case> {
  readonly name: string
  /** How many items there are. */
  readonly count: (of: Case) => number
  /** The case with these items only; undefined: it needs others. */
  readonly keep: (of: Case, kept: (index: number) => boolean) => Case | undefined
}

/** Makes one thing after the other plainer. */
export interface ValuePass<Case> {
  readonly name: string
  readonly plainer: (of: Case) => Iterable<Case>
}

export interface ShrinkOptions<Case> {
  readonly passes: readonly Pass<Case>[]
  /** Whether the same goes wrong. */
  readonly fails: (candidate: Case) => Promise<boolean>
  /** How often `fails` is asked, at most. */
  readonly runsMax?: number
}

export interface Shrunk<Case> {
  readonly smallest: Case
  readonly runs: number
  /** False: the budget was used up before every pass came to nothing. */
  readonly finished: boolean
}

export const runsMaxDefault = 1_500

/**
 * Cuts a failing case down: each pass takes away what the failure does not need, and they are run again until none of
 * them finds anything, or the budget is used up.
 */
export async function shrink<Case>(
  failing: Case,
  { passes, fails, runsMax = runsMaxDefault }: ShrinkOptions<Case>,
): Promise<Shrunk<Case>> {
  let runs = 0
  const spent = (): boolean => runs >= runsMax
  const stillFails = async (candidate: Case): Promise<boolean> => {
    if (spent()) return false
    runs++
    return fails(candidate)
  }
  let smallest = failing
  let before: Case
  do {
    before = smallest
    for (const pass of passes) {
      smallest =
        'keep' in pass
          ? await leaveOut(smallest, pass, stillFails)
          : await simplify(smallest, pass, stillFails)
    }
  } while (smallest !== before && !spent())
  return { smallest, runs, finished: !spent() }
}

/** Delta debugging: leaves out runs of items, half of them at first, then ever shorter ones. */
async function leaveOut<Case>(
  from: Case,
  { count, keep }: ListPass<Case>,
  fails: (candidate: Case) => Promise<boolean>,
): Promise<Case> {
  let smallest = from
  for (let size = Math.ceil(count(from) / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    // From the end: what comes late is often only what came after the failure.
    for (let end = count(smallest); end > 0; ) {
      const start = Math.max(0, end - size)
      const last = end
      const candidate = keep(smallest, (index) => index < start || index >= last)
      if (candidate !== undefined && (await fails(candidate))) smallest = candidate
      end = start
    }
  }
  return smallest
}

async function simplify<Case>(
  from: Case,
  { plainer }: ValuePass<Case>,
  fails: (candidate: Case) => Promise<boolean>,
): Promise<Case> {
  let smallest = from
  let refused = 0
  // What was refused is refused again: what is made plainer next comes after it.
  for (let found = true; found; ) {
    found = false
    let index = 0
    for (const candidate of plainer(smallest)) {
      if (index++ < refused) continue
      if (await fails(candidate)) {
        smallest = candidate
        found = true
        break
      }
      refused++
    }
  }
  return smallest
}
