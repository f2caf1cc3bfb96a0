import { type FormEvent, memo, type ReactElement, useId, useState } from 'react'
import { userStoryLengthMax } from '../../model/board.ts'
import { PlusIcon } from '../shell/icons.tsx'
import { useBoard } from './board-context.tsx'

/** A line for a new item; Enter adds it and is ready for the next. */
export const Composer = memo(function Composer({
  where,
  first = false,
  sprintId = null,
  name,
}: {
  where: 'top' | 'bottom'
  /** Whether there is no item yet. */
  first?: boolean
  /** The list that the item is for; null: the backlog. */
  sprintId?: number | null
  /** What the list is called, where there are several. */
  name?: string
}): ReactElement {
  const { actions } = useBoard()
  const [text, setText] = useState('')
  const id = useId()
  const add = (event: FormEvent): void => {
    event.preventDefault()
    const userStory = text.trim()
    if (userStory === '') return
    actions.items.create(where, userStory, sprintId)
    setText('')
  }
  return (
    <form className={`composer composer-${where}`} onSubmit={add}>
      <span className="composer-plus">
        <PlusIcon />
      </span>
      <label className="unseen" htmlFor={id}>
        {name === undefined ? `New item at the ${where}` : `New item in ${name}`}
      </label>
      <input
        id={id}
        className="composer-field"
        placeholder={
          first
            ? 'Add the first item'
            : name === undefined
              ? `Add an item at the ${where}`
              : `Add an item to ${name}`
        }
        value={text}
        maxLength={userStoryLengthMax}
        autoComplete="off"
        enterKeyHint="done"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') setText('')
        }}
      />
      {text.trim() !== '' && (
        <button type="submit" className="button small">
          Add
        </button>
      )}
    </form>
  )
})
