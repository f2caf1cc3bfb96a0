import { type FormEvent, type ReactElement, useCallback, useId, useState } from 'react'
import { type Item, summaryLengthMax, type Task } from '../../model/board.ts'
import { CloseIcon, PlusIcon } from '../shell/icons.tsx'
import { taskDraft } from './actions.ts'
import { useBoard } from './board-context.tsx'
import { useEditing } from './drafts.ts'
import { EditableLine } from './editable-line.tsx'
import { litClass, taskKey } from './highlights.ts'
import { useKeyed } from './keyed.ts'
import { isUnnamed } from './pending.ts'

export function TaskList({ item, tasks }: { item: Item; tasks: readonly Task[] }): ReactElement {
  const done = tasks.filter((task) => task.done).length
  return (
    <div className="tasks">
      <div className="details-head">
        <h2>Tasks</h2>
        {tasks.length > 0 && (
          <p className="hint">
            {done} of {tasks.length} done
          </p>
        )}
      </div>
      {tasks.length > 0 && (
        <ul>
          {tasks.map((task) => (
            <TaskLine key={task.id} task={task} />
          ))}
        </ul>
      )}
      <NewTask item={item} />
    </div>
  )
}

function TaskLine({ task }: { task: Task }): ReactElement {
  const { actions, highlights, pending } = useBoard()
  const unnamed = isUnnamed(task.id)
  const lit = useKeyed(highlights, taskKey(task.id))
  const waiting = useKeyed(pending, taskKey(task.id)) !== undefined || unnamed
  const rename = useCallback((text: string) => actions.renameTask(task, text.trim()), [actions, task])
  const editing = useEditing(taskDraft(task), task.summary, rename)
  const classes = ['task', task.done && 'task-done', waiting && 'task-waiting']
  return (
    <li className={classes.filter(Boolean).join(' ') + litClass(lit)}>
      <label className="tick">
        <input
          type="checkbox"
          checked={task.done}
          disabled={unnamed}
          aria-label={task.summary}
          onChange={(event) => actions.tickTask(task, event.target.checked)}
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
      <button
        type="button"
        className="icon-button task-delete"
        aria-label={`Delete the task ${task.summary}`}
        title="Delete"
        disabled={unnamed}
        onClick={() => actions.destroyTask(task)}
      >
        <CloseIcon />
      </button>
    </li>
  )
}

/** A line for a new task; Enter adds it and is ready for the next. */
function NewTask({ item }: { item: Item }): ReactElement {
  const { actions } = useBoard()
  const [text, setText] = useState('')
  const id = useId()
  const add = (event: FormEvent): void => {
    event.preventDefault()
    const summary = text.trim()
    if (summary === '') return
    actions.createTask(item, summary)
    setText('')
  }
  return (
    <form className="new-task" onSubmit={add}>
      <PlusIcon />
      <label className="unseen" htmlFor={id}>
        New task
      </label>
      <input
        id={id}
        placeholder="Add a task"
        value={text}
        maxLength={summaryLengthMax}
        autoComplete="off"
        enterKeyHint="done"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setText('')
        }}
      />
    </form>
  )
}
