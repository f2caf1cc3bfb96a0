import { useCallback } from 'react'
import type { Item } from '../../model/board.ts'
import { useBoard } from './board-context.tsx'

/** Deletes the item and hands the focus on to the one that takes its place. */
export function useDestroying(item: Item): () => void {
  const { actions, focus } = useBoard()
  return useCallback(() => {
    const next = actions.neighbourOf(item)
    focus.key = next && String(next.id)
    actions.destroyItem(item)
  }, [actions, focus, item])
}
