import type { Item } from './board.ts'
import { rankBetween } from './rank.ts'

/**
 * Where a backlog is cut so that no part has more points than fit into one sprint: ranks of the lines. An
 * item that is larger than that is a part of its own; what is not estimated takes no room. What is left after
 * the last line is the last part. At most `max` lines.
 */
export function distribute(
  items: readonly Pick<Item, 'estimate' | 'position'>[],
  velocity: number,
  max: number,
): string[] {
  const lines: string[] = []
  let points = 0
  let before: string | undefined
  for (const { estimate, position } of items) {
    if (points > 0 && points + (estimate ?? 0) > velocity && before !== undefined) {
      if (lines.length >= max) break
      lines.push(rankBetween(before, position))
      points = 0
    }
    points += estimate ?? 0
    before = position
  }
  return lines
}
