import { useCollection } from '@lockstep/client/react'
import { type ReactElement, useCallback } from 'react'
import type { ItemTag } from '../../model/board.ts'
import { linksOf, type TagOfItem, tagsOf } from '../tag-rows.ts'
import { useBoard } from './board-context.tsx'

/** The tags of an item. */
export function useTagsOf(itemId: number): readonly TagOfItem[] {
  const { project } = useBoard()
  const select = useCallback((rows: readonly ItemTag[]) => linksOf(rows, itemId), [itemId])
  const links = useCollection(project.item_tags, { select })
  const tags = useCollection(project.tags)
  return tagsOf(links, tags)
}

/** The tags on an item's line, to be read only. */
export function ItemTags({ itemId }: { itemId: number }): ReactElement | null {
  const tags = useTagsOf(itemId)
  if (tags.length === 0) return null
  return (
    <ul className="tags item-tags" aria-label="Tags">
      {tags.map(({ tag, link }) => (
        <li key={link.id} className="tag">
          {tag.name}
        </li>
      ))}
    </ul>
  )
}
