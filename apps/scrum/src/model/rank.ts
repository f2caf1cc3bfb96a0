/**
 * Ranks: texts whose byte order is the order of a list. Between any two there is always a third, so that
 * moving one row changes one row. Read a rank as the digits of a fraction in base 62: `V` is about a half.
 * No rank ends in `0`, because nothing fits between `1` and `10`.
 */

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const base = digits.length

/**
 * Digits that appending and prepending count with: 62^4 rows fit on either side before ranks grow. Halving
 * instead would add a digit every five rows.
 */
const countedDigits = 4

/** Longest rank, in characters: room for five thousand moves into ever the same gap. */
export const rankLengthMax = 1000

export function isRank(text: string): boolean {
  return text.length <= rankLengthMax && /^[0-9A-Za-z]*[1-9A-Za-z]$/.test(text)
}

/**
 * A rank after `before` and ahead of `after`; `null` stands for the list's end on that side.
 * @throws RangeError where `before` is not less than `after`
 */
export function rankBetween(before: string | null, after: string | null): string {
  if (before !== null && after !== null) {
    if (before >= after) throw new RangeError('the ranks are not in order')
    return middle(before, after)
  }
  if (before !== null) return step(before, 1) ?? middle(before, null)
  if (after !== null) return step(after, -1) ?? middle('', after)
  return 'V'
}

/** `count` rising ranks for a list that is filled at once. */
export function firstRanks(count: number): string[] {
  const ranks: string[] = []
  let last: string | null = null
  for (let i = 0; i < count; i++) {
    last = rankBetween(last, null)
    ranks.push(last)
  }
  return ranks
}

/** The counted part of a rank, one up or down; undefined where that leaves the range. */
function step(rank: string, by: 1 | -1): string | undefined {
  let count = 0
  for (let i = 0; i < countedDigits; i++) count = count * base + digitAt(rank, i)
  // Below, a rank with more digits than are counted may itself stand above its counted part.
  const next = by === -1 && rank.length > countedDigits ? count : count + by
  if (next <= 0 || next >= base ** countedDigits) return undefined
  let text = ''
  for (let rest = next, i = 0; i < countedDigits; i++, rest = Math.floor(rest / base)) {
    text = digits.charAt(rest % base) + text
  }
  return text.replace(/0+$/, '')
}

/** The shortest rank strictly between two fractions, as near to their middle as that length allows. */
function middle(before: string, after: string | null): string {
  let shared = ''
  let open = after === null
  for (let i = 0; ; i++) {
    const low = digitAt(before, i)
    const high = open || after === null ? base : digitAt(after, i)
    const half = Math.floor((low + high) / 2)
    if (half > low) return shared + digits.charAt(half)
    // No digit fits here: go on behind the lower one. Once the digits differ, the upper end is out of play.
    shared += digits.charAt(low)
    if (high > low) open = true
  }
}

function digitAt(rank: string, index: number): number {
  return index < rank.length ? digits.indexOf(rank.charAt(index)) : 0
}
