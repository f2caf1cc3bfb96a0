import { type ReactElement, useCallback } from 'react'
import type { Item, Task } from '../../model/board.ts'
import { Attachments } from './attachments.tsx'
import { useBoard } from './board-context.tsx'
import { Comments } from './comments.tsx'
import { Description } from './description.tsx'
import { itemDraft } from './item-actions.ts'
import { TagPicker } from './tag-picker.tsx'
import { TaskList } from './task-list.tsx'

/** What opens below an item. */
export function ItemDetails({ item, tasks }: { item: Item; tasks: readonly Task[] }): ReactElement {
  const { actions } = useBoard()
  const describe = useCallback((text: string) => actions.items.describe(item, text), [actions, item])
  return (
    <div className="details">
      <div className="details-side">
        <Description
          draftKey={itemDraft(item, 'description')}
          text={item.description}
          invitation="Add a description: what is it for, and when is it done?"
          save={describe}
        />
        <Comments subject={{ item_id: item.id, impediment_id: null }} />
      </div>
      <div className="details-side">
        <TaskList item={item} tasks={tasks} />
        <TagPicker item={item} />
        <Attachments item={item} />
      </div>
    </div>
  )
}
