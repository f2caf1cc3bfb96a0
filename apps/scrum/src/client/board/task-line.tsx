import { useCollection } from '@lockstep/client/react'
import { type KeyboardEvent, memo, type ReactElement, useCallback, useRef } from 'react'
import { summaryLengthMax, type Task } from '../../model/board.ts'
import { membersByName } from '../rows.ts'
import { Avatar } from '../shell/avatar.tsx'
import { CloseIcon, GripIcon } from '../shell/icons.tsx'
import { useBoard } from './board-context.tsx'
import { useEditing } from './drafts.ts'
import { type Dragged, type DropEdge, useRowDragging } from './dragging.ts'
import { EditableLine } from './editable-line.tsx'
import { focusBeside } from './focus-beside.ts'
import { litClass, taskKey } from './highlights.ts'
import { HolderNote } from './holder-note.tsx'
import { HoursField } from './hours-field.tsx'
import { useKeyed } from './keyed.ts'
import { isUnnamed } from './pending.ts'
import { taskDraft } from './task-actions.ts'

const acceptsTasks = ({ collection }: Dragged): boolean => collection === 'tasks'

/** One task: what, how much is left of it, and who does it. */
export const TaskLine = memo(function TaskLine({
  task,
  index,
  count,
}: {
  task: Task
  index: number
  count: number
}): ReactElement {
  const { actions, claims, focus, highlights, pending, project } = useBoard()
  const line = useRef<HTMLLIElement>(null)
  const handle = useRef<HTMLDivElement>(null)
  const key = taskKey(task.id)
  const unnamed = isUnnamed(task.id)
  const lit = useKeyed(highlights, key)
  const waiting = useKeyed(pending, key) !== undefined || unnamed
  const rename = useCallback((text: string) => actions.tasks.rename(task, text.trim()), [actions, task])
  const editing = useEditing(taskDraft(task), task.summary, rename)
  const { dragged, edge } = useRowDragging({
    element: line,
    handle,
    row: { collection: 'tasks', id: task.id, name: task.summary },
    disabled: unnamed,
    accepts: acceptsTasks,
    drop: (dropped: Dragged, side: DropEdge) => {
      const moved = project.tasks.get(dropped.id)
      if (moved !== undefined) actions.tasks.moveBeside(moved, task, side)
    },
    during: (dragging) => (dragging ? claims.take(key, 'moving') : claims.release(key)),
  })

  const onKeyDown = (event: KeyboardEvent): void => {
    if (!event.altKey || event.ctrlKey || event.metaKey) return
    const target = { ArrowUp: index - 1, ArrowDown: index + 1, Home: 0, End: count - 1 }[event.key]
    if (target === undefined) return
    event.preventDefault()
    // Else the item that the task belongs to would move.
    event.stopPropagation()
    if (unnamed) return
    focus.key = key
    actions.tasks.move(task, target)
    handle.current?.focus()
  }

  const classes = [
    'task',
    task.done && 'task-done',
    waiting && 'task-waiting',
    dragged && 'item-dragged',
    edge !== undefined && `drop-${edge}`,
  ]
  return (
    <li ref={line} data-row={key} className={classes.filter(Boolean).join(' ') + litClass(lit)}>
      {/* Firefox starts no drag from a button element: this is one in all but name. */}
      {/* biome-ignore lint/a11y/useSemanticElements: see above */}
      <div
        ref={handle}
        data-handle=""
        role="button"
        tabIndex={0}
        className="task-handle"
        aria-label={`Move the task ${task.summary}`}
        aria-description="Alt and the arrow keys move it."
        aria-keyshortcuts="Alt+ArrowUp Alt+ArrowDown Alt+Home Alt+End"
        aria-disabled={unnamed}
        title="Drag to move, or press Alt and an arrow key"
        onKeyDown={onKeyDown}
      >
        <GripIcon />
      </div>
      <label className="tick">
        <input
          type="checkbox"
          checked={task.done}
          disabled={unnamed}
          aria-label={task.summary}
          onChange={(event) => actions.tasks.tick(task, event.target.checked)}
        />
      </label>
      <EditableLine
        value={task.summary}
        label="Task"
        lengthMax={summaryLengthMax}
        editing={editing}
        className="task-summary"
        disabled={unnamed}
      />
      <div className="task-meta">
        <HoursField task={task} disabled={unnamed} />
        <Assignee task={task} disabled={unnamed} />
        <button
          type="button"
          className="icon-button task-delete"
          aria-label={`Delete the task ${task.summary}`}
          title="Delete"
          disabled={unnamed}
          onClick={({ currentTarget }) => {
            focusBeside(currentTarget)
            actions.tasks.destroy(task)
          }}
        >
          <CloseIcon />
        </button>
      </div>
      <HolderNote resource={key} name={task.summary} edit={editing.begin} />
    </li>
  )
})

const byName = { select: membersByName }

/** Who does a task; the browser's own list, under a picture of who it is. */
function Assignee({ task, disabled }: { task: Task; disabled: boolean }): ReactElement {
  const { actions, project } = useBoard()
  const members = useCollection(project.members, byName)
  const member = members.find(({ user_id }) => user_id === task.user_id)
  return (
    <div className="assignee" title={member?.name ?? 'Nobody yet'}>
      {member === undefined ? (
        <span className="avatar avatar-none" aria-hidden="true">
          +
        </span>
      ) : (
        <Avatar name={member.name} hue={member.hue} />
      )}
      <select
        aria-label={`Who does ${task.summary}`}
        value={member === undefined ? '' : String(member.user_id)}
        disabled={disabled}
        onChange={(event) =>
          actions.tasks.assign(task, event.target.value === '' ? null : Number(event.target.value))
        }
      >
        <option value="">Nobody yet</option>
        {members.map(({ user_id, name }) => (
          <option key={user_id} value={String(user_id)}>
            {name}
          </option>
        ))}
      </select>
    </div>
  )
}
