import { type FormEvent, type ReactElement, useId, useState } from 'react'
import { userStoryLengthMax } from '../../model/board.ts'
import { PlusIcon } from '../shell/icons.tsx'
import { useBoard } from './board-context.tsx'

/** A line for a new item; Enter adds it and is ready for the next. */
export function Composer({ where }: { where: 'top' | 'bottom' }): ReactElement {
  const { actions } = useBoard()
  const [text, setText] = useState('')
  const id = useId()
  const add = (event: FormEvent): void => {
    event.preventDefault()
    const userStory = text.trim()
    if (userStory === '') return
    actions.createItem(where, userStory)
    setText('')
  }
  return (
    <form className={`composer composer-${where}`} onSubmit={add}>
      <span className="composer-plus">
        <PlusIcon />
      </span>
      <label className="unseen" htmlFor={id}>
        New item at the {where}
      </label>
      <input
        id={id}
        className="composer-field"
        placeholder={where === 'top' ? 'Add an item at the top' : 'Add an item at the bottom'}
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
}
