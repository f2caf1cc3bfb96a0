import { byPosition, type Item, type Marker } from '../../model/board.ts'

/** What stands in the backlog: items, and lines that cut it into future sprints. */
export type Entry =
  | { readonly kind: 'item'; readonly item: Item; readonly index: number }
  | {
      readonly kind: 'marker'
      readonly marker: Marker
      /** Which of the future sprints ends here, from 1. */
      readonly sprint: number
      /** Points and items between it and the line before. */
      readonly points: number
      readonly items: number
    }

/**
 * Items and markers in one order. A marker of the same rank as an item stands below it. `last`: what was given
 * before, of which entries that are the same are kept.
 */
export function entriesOf(
  items: readonly Item[],
  markers: readonly Marker[],
  last: readonly Entry[] = [],
): readonly Entry[] {
  const lines = [...markers].sort(byPosition)
  const entries: Entry[] = []
  let next = 0
  let [points, count] = [0, 0]
  const cut = (marker: Marker): void => {
    entries.push({ kind: 'marker', marker, sprint: ++next, points, items: count })
    points = 0
    count = 0
  }
  // Counted by hand: at the length that lists may have, an iterator's pairs are felt.
  for (let index = 0; index < items.length; index++) {
    const item = items[index]
    if (item === undefined) continue
    for (let line = lines[next]; line !== undefined && line.position < item.position; line = lines[next])
      cut(line)
    const known = last[entries.length]
    const isKnown = known?.kind === 'item' && known.item === item && known.index === index
    entries.push(isKnown ? known : { kind: 'item', item, index })
    points += item.estimate ?? 0
    count++
  }
  for (let line = lines[next]; line !== undefined; line = lines[next]) cut(line)
  return entries
}
