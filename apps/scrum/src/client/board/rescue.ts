import { useCollection } from '@lockstep/client/react'
import { useEffect, useRef } from 'react'
import type { Item } from '../../model/board.ts'
import { byItem } from '../rows.ts'
import { useToasts } from '../shell/toasts.tsx'
import { useBoard } from './board-context.tsx'
import type { Draft } from './drafts.ts'

const tasksByItem = { select: byItem }

/**
 * When someone else deletes an item that the viewer is writing in, the text is not lost without a word: the
 * item can be brought back with it. Shows nothing itself, and is no part of a page: each change would render that.
 */
export function Rescue(): null {
  const { actions, drafts, project } = useBoard()
  const toasts = useToasts()
  const items = useCollection(project.items)
  const tasksOf = useCollection(project.tasks, tasksByItem).of
  const last = useRef({ items, tasksOf })
  useEffect(() => {
    const before = last.current
    last.current = { items, tasksOf }
    for (const key of drafts.keys()) {
      const [collection, id, field] = key.split('/')
      const draft = drafts.get(key)
      if (collection !== 'items' || draft === undefined) continue
      if (items.some((item) => String(item.id) === id)) continue
      drafts.set(key, undefined)
      const lost = before.items.find((item) => String(item.id) === id)
      if (lost === undefined || draft.text === draft.base) continue
      const rescued = withDraft(lost, field, draft)
      toasts.add({
        kind: 'problem',
        text: `“${lost.user_story}” was deleted while you were writing in it.`,
        action: {
          label: 'Bring it back with my text',
          run: () => actions.items.restore(rescued, before.tasksOf(lost.id)),
        },
      })
    }
  }, [items, tasksOf, actions, drafts, toasts])
  return null
}

function withDraft(item: Item, field: string | undefined, { text }: Draft): Item {
  return field === 'description' ? { ...item, description: text } : { ...item, user_story: text.trim() }
}
