import { expect, test } from 'vitest'
import type { Task } from '../model/board.ts'
import { byItem, itemsBySprint } from './rows.ts'

const task = (id: number, itemId: number, position: string): Task => ({
  id,
  item_id: itemId,
  project_id: 1,
  summary: `task ${id}`,
  done: false,
  hours_left: null,
  user_id: null,
  position,
})

test('items stand in the order of their ranks, computed once per array', () => {
  const item = (id: number, position: string) => ({
    id,
    position,
    project_id: 1,
    user_story: '',
    description: '',
    estimate: null,
    sprint_id: null,
  })
  const rows = [item(1, 'b'), item(2, 'a')]
  expect(
    itemsBySprint(rows)
      .of(null)
      .map(({ id }) => id),
  ).toEqual([2, 1])
  expect(itemsBySprint(rows)).toBe(itemsBySprint(rows))
})

test('an item whose tasks did not change keeps its list, so that it is not rendered again', () => {
  const [a, b, c] = [task(1, 1, 'b'), task(2, 1, 'a'), task(3, 2, 'a')]
  const before = byItem([a, b, c])
  expect(before.of(1)).toEqual([b, a])
  const after = byItem([a, b, { ...c, done: true }])
  expect(after.of(1)).toBe(before.of(1))
  expect(after.of(2)).not.toBe(before.of(2))
  expect(after.of(9)).toEqual([])
})
