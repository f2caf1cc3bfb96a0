import { useCallback } from 'react'
import type { Item } from '../../model/board.ts'
import { useBoard } from './board-context.tsx'
import { itemKey } from './highlights.ts'

/** Deletes the item and hands the focus on to the one that takes its place. */
export function useDestroying(item: Item): () => void {
  const { actions, focus } = useBoard()
  return useCallback(() => {
    const next = actions.items.neighbourOf(item)
    focus.key = next && itemKey(next.id)
    actions.items.destroy(item)
  }, [actions, focus, item])
}
