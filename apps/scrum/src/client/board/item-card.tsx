import { type KeyboardEvent, memo, type ReactElement, useCallback, useRef } from 'react'
import { type Item, type Task, userStoryLengthMax } from '../../model/board.ts'
import { ChevronIcon, TrashIcon } from '../shell/icons.tsx'
import { useBoard } from './board-context.tsx'
import { useDestroying } from './destroying.ts'
import { useEditing } from './drafts.ts'
import { type Dragged, type DropEdge, useRowDragging } from './dragging.ts'
import { EditableLine } from './editable-line.tsx'
import { EstimatePicker } from './estimate-picker.tsx'
import { itemKey, litClass, progressKey } from './highlights.ts'
import { HolderNote } from './holder-note.tsx'
import { itemDraft } from './item-actions.ts'
import { ItemDetails } from './item-details.tsx'
import { ItemMenu } from './item-menu.tsx'
import { ItemTags } from './item-tags.tsx'
import { useKeyed } from './keyed.ts'
import { isUnnamed } from './pending.ts'
import { TaskList } from './task-list.tsx'

interface ItemCardProps {
  readonly item: Item
  readonly tasks: readonly Task[]
  readonly index: number
  readonly count: number
  /** Whether its tasks are on show while it is closed. */
  readonly withTasks?: boolean
}

/** One line of a list of items, and what opens below it. */
export const ItemCard = memo(function ItemCard(props: ItemCardProps): ReactElement {
  const { item, tasks, index, count, withTasks = false } = props
  const { actions, claims, focus, highlights, open, pending, project } = useBoard()
  const card = useRef<HTMLElement>(null)
  const handle = useRef<HTMLDivElement>(null)
  const key = itemKey(item.id)
  const unnamed = isUnnamed(item.id)
  const opened = useKeyed(open, key) === true
  const lit = useKeyed(highlights, key)
  const waiting = useKeyed(pending, key) !== undefined || unnamed
  const destroy = useDestroying(item)
  const drop = (dragged: Dragged, edge: DropEdge): void => {
    if (dragged.collection === 'markers') {
      const marker = project.markers.get(dragged.id)
      if (marker !== undefined) actions.markers.moveBeside(marker, item, edge)
      return
    }
    const moved = project.items.get(dragged.id)
    if (moved !== undefined) actions.items.moveBeside(moved, item, edge)
  }
  const { dragged, edge } = useRowDragging({
    element: card,
    handle,
    row: { collection: 'items', id: item.id, name: item.user_story },
    disabled: unnamed,
    accepts: ({ collection }) =>
      collection === 'items' || (collection === 'markers' && item.sprint_id === null),
    drop,
    during: (dragging) => (dragging ? claims.take(key, 'moving') : claims.release(key)),
  })
  const rename = useCallback((text: string) => actions.items.rename(item, text.trim()), [actions, item])
  const editing = useEditing(itemDraft(item, 'user_story'), item.user_story, rename)

  const onKeyDown = (event: KeyboardEvent): void => {
    if (!event.altKey || event.ctrlKey || event.metaKey || unnamed) return
    // In a text these keys move the cursor.
    if (event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement) return
    const target = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: count - 1 }[event.key]
    if (target === undefined) return
    event.preventDefault()
    focus.key = key
    actions.items.move(item, target)
  }

  const classes = [
    'item',
    opened && 'item-opened',
    dragged && 'item-dragged',
    waiting && 'item-waiting',
    edge !== undefined && `drop-${edge}`,
  ]
  return (
    // The keys work wherever in the item the focus is; the handle's menu offers the same.
    <article
      ref={card}
      className={classes.filter(Boolean).join(' ')}
      aria-label={item.user_story}
      data-row={key}
      onKeyDown={onKeyDown}
    >
      <div className={`item-line${litClass(lit)}`}>
        <ItemMenu item={item} index={index} count={count} handle={handle} disabled={unnamed} />
        <div className="item-text">
          <EditableLine
            value={item.user_story}
            label="User story"
            lengthMax={userStoryLengthMax}
            editing={editing}
            className="item-story"
            disabled={unnamed}
          />
          <ItemTags itemId={item.id} />
          <HolderNote resource={key} name={item.user_story} edit={editing.begin} />
        </div>
        <div className="item-meta">
          <button
            type="button"
            className="icon-button item-delete"
            aria-label={`Delete ${item.user_story}`}
            title="Delete"
            disabled={unnamed}
            onClick={destroy}
          >
            <TrashIcon />
          </button>
          <Progress item={item} tasks={tasks} />
          <EstimatePicker item={item} disabled={unnamed} />
          <button
            type="button"
            className="icon-button item-open"
            aria-expanded={opened}
            aria-label={`Details of ${item.user_story}`}
            title={opened ? 'Close the details' : 'Description, tasks, comments'}
            disabled={unnamed}
            onClick={() => open.set(key, opened ? undefined : true)}
          >
            <ChevronIcon />
          </button>
        </div>
      </div>
      {opened ? (
        <ItemDetails item={item} tasks={tasks} />
      ) : (
        withTasks &&
        !unnamed && (
          <div className="item-tasks">
            <TaskList item={item} tasks={tasks} headed={false} />
          </div>
        )
      )}
    </article>
  )
})

/** How many of the tasks are done; nothing where there are none. */
function Progress({ item, tasks }: { item: Item; tasks: readonly Task[] }): ReactElement | null {
  const { highlights } = useBoard()
  const lit = useKeyed(highlights, progressKey(item.id))
  if (tasks.length === 0) return null
  const done = tasks.filter((task) => task.done).length
  const words = `${done} of ${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'} done`
  return (
    <p className={`progress${done === tasks.length ? ' progress-full' : ''}${litClass(lit)}`} title={words}>
      <progress value={done} max={tasks.length} aria-label={words} />
      <span aria-hidden="true">
        {done}/{tasks.length}
      </span>
    </p>
  )
}
