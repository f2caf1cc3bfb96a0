import type { ReactElement } from 'react'
import type { Item, Task } from '../../model/board.ts'
import { Description } from './description.tsx'
import { TaskList } from './task-list.tsx'

/** What opens below an item. */
export function ItemDetails({ item, tasks }: { item: Item; tasks: readonly Task[] }): ReactElement {
  return (
    <div className="details">
      <Description item={item} />
      <TaskList item={item} tasks={tasks} />
    </div>
  )
}
