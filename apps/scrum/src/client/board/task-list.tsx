import { type FormEvent, type ReactElement, useId, useState } from 'react'
import { type Item, summaryLengthMax, type Task } from '../../model/board.ts'
import { PlusIcon } from '../shell/icons.tsx'
import { useBoard } from './board-context.tsx'
import { TaskLine } from './task-line.tsx'

export function TaskList({
  item,
  tasks,
  headed = true,
}: {
  item: Item
  tasks: readonly Task[]
  headed?: boolean
}): ReactElement {
  const done = tasks.filter((task) => task.done).length
  return (
    <div className="tasks">
      {headed && (
        <div className="details-head">
          <h2>Tasks</h2>
          {tasks.length > 0 && (
            <p className="hint">
              {done} of {tasks.length} done
            </p>
          )}
        </div>
      )}
      {tasks.length > 0 && (
        <ul aria-label={`Tasks of ${item.user_story}`}>
          {tasks.map((task, index) => (
            <TaskLine key={task.id} task={task} index={index} count={tasks.length} />
          ))}
        </ul>
      )}
      <NewTask item={item} />
    </div>
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
    actions.tasks.create(item, summary)
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
