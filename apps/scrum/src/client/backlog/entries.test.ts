import { expect, test } from 'vitest'
import type { Item } from '../../model/board.ts'
import { entriesOf } from './entries.ts'

const item = (id: number, position: string, estimate: number | null): Item => ({
  id,
  project_id: 1,
  user_story: `item ${id}`,
  description: '',
  estimate,
  position,
  sprint_id: null,
})

test('markers stand between items and sum up what is above them', () => {
  const items = [item(1, 'B', 3), item(2, 'C', null), item(3, 'E', 5), item(4, 'G', 8)]
  const markers = ['H', 'E', 'A'].map((position, id) => ({ id, project_id: 1, position }))
  const shown = entriesOf(items, markers).map((entry) =>
    entry.kind === 'item' ? entry.item.id : `${entry.sprint}: ${entry.points} in ${entry.items}`,
  )
  expect(shown).toEqual(['1: 0 in 0', 1, 2, 3, '2: 8 in 3', 4, '3: 8 in 1'])
})

test('entries that are the same as before are the same objects', () => {
  const items = [item(1, 'B', 3), item(2, 'C', null), item(3, 'E', 5)]
  const before = entriesOf(items, [])
  const changed = item(2, 'C', 8)
  const after = entriesOf([...items.slice(0, 1), changed, ...items.slice(2)], [], before)
  expect([after[0], after[2]]).toEqual([before[0], before[2]])
  expect([after[0] === before[0], after[1] === before[1], after[2] === before[2]]).toEqual([
    true,
    false,
    true,
  ])
  expect(after[1]).toEqual({ kind: 'item', item: changed, index: 1 })
  expect(entriesOf(items.slice(1), [], after)).toEqual(entriesOf(items.slice(1), []))
})
