import { rankBetween } from '../../model/rank.ts'

interface Ranked {
  readonly position: string
}

/** The rank that puts a row at an index of a list it is not in. */
export function rankAt(list: readonly Ranked[], index: number): string {
  const before = list[index - 1]?.position ?? null
  // Two that dropped into one gap have the same rank until the server has told them apart.
  const after =
    list.slice(index).find(({ position }) => before === null || position > before)?.position ?? null
  return rankBetween(before, after)
}

/** The rank directly before or after one of the list's rows. */
export function rankBeside(list: readonly Ranked[], other: Ranked, side: 'before' | 'after'): string {
  const index = list.indexOf(other)
  return rankAt(list, side === 'before' ? index : index + 1)
}
