import { type FormEvent, type ReactElement, useEffect, useId, useRef, useState } from 'react'
import { goalLengthMax, sprintDaysMax, sprintNameLengthMax } from '../../model/board.ts'
import { addDays, daysBetween } from '../../model/days.ts'
import type { SprintFields } from '../board/sprint-actions.ts'

/** Name, goal and days of a sprint. */
export function SprintForm({
  title,
  submit,
  initial,
  done,
  cancel,
}: {
  title: string
  /** Words on the button. */
  submit: string
  initial: SprintFields
  done: (fields: SprintFields) => void
  cancel: () => void
}): ReactElement {
  const [fields, setFields] = useState(initial)
  const first = useRef<HTMLInputElement>(null)
  const id = useId()
  useEffect(() => first.current?.select(), [])
  const { name, goal, from_date, to_date } = fields
  const days = daysBetween(from_date, to_date) + 1
  const fault =
    name.trim() === ''
      ? 'A sprint needs a name.'
      : Number.isNaN(days)
        ? 'A sprint has a first and a last day.'
        : days < 1
          ? 'The last day is before the first.'
          : days > sprintDaysMax
            ? `A sprint is at most ${sprintDaysMax} days long.`
            : undefined
  const send = (event: FormEvent): void => {
    event.preventDefault()
    if (fault === undefined) done({ ...fields, name: name.trim() })
  }
  return (
    <form
      className="panel sprint-form"
      aria-label={title}
      onSubmit={send}
      onKeyDown={(event) => {
        if (event.key === 'Escape') cancel()
      }}
    >
      <h2>{title}</h2>
      <div className="form-row">
        <label htmlFor={`${id}name`}>Name</label>
        <input
          ref={first}
          id={`${id}name`}
          className="field"
          value={name}
          maxLength={sprintNameLengthMax}
          onChange={(event) => setFields({ ...fields, name: event.target.value })}
        />
      </div>
      <div className="form-row">
        <label htmlFor={`${id}goal`}>Goal</label>
        <input
          id={`${id}goal`}
          className="field"
          value={goal}
          maxLength={goalLengthMax}
          placeholder="What is different when it is over?"
          onChange={(event) => setFields({ ...fields, goal: event.target.value })}
        />
      </div>
      <div className="form-pair">
        <div className="form-row">
          <label htmlFor={`${id}from`}>First day</label>
          <input
            id={`${id}from`}
            className="field"
            type="date"
            required
            value={from_date}
            onChange={(event) => {
              const from = event.target.value
              // The length stays.
              const to = from === '' || Number.isNaN(days) || days < 1 ? to_date : addDays(from, days - 1)
              setFields({ ...fields, from_date: from, to_date: to })
            }}
          />
        </div>
        <div className="form-row">
          <label htmlFor={`${id}to`}>Last day</label>
          <input
            id={`${id}to`}
            className="field"
            type="date"
            required
            value={to_date}
            onChange={(event) => setFields({ ...fields, to_date: event.target.value })}
          />
        </div>
      </div>
      <div className="form-end">
        <button type="submit" className="button small" disabled={fault !== undefined}>
          {submit}
        </button>
        <button type="button" className="button plain small" onClick={cancel}>
          Cancel
        </button>
        <p className="hint" role="status">
          {fault ?? `${days} ${days === 1 ? 'day' : 'days'}`}
        </p>
      </div>
    </form>
  )
}
