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
