import { type ReactElement, useEffect, useRef, useState } from 'react'
import { hoursMax, hoursWords, readHours, type Task } from '../../model/board.ts'
import { useBoard } from './board-context.tsx'

/** Hours left of a task, to be typed over: Enter or leaving saves, Escape gives up, 0 finishes the task. */
export function HoursField({ task, disabled }: { task: Task; disabled: boolean }): ReactElement {
  const { actions } = useBoard()
  // Undefined while nobody types: then the field shows what the row says.
  const [typed, setTyped] = useState<string>()
  const field = useRef<HTMLInputElement>(null)
  const value = typed === undefined ? undefined : readHours(typed)
  const wrong = typed !== undefined && (value === undefined || (value !== null && value > hoursMax))
  useEffect(() => {
    field.current?.setCustomValidity(wrong ? `Hours are a number from 0 to ${hoursMax}, or nothing` : '')
  }, [wrong])
  const finish = (): void => {
    if (typed !== undefined && !wrong && value !== undefined) actions.tasks.setHours(task, value)
    setTyped(undefined)
  }
  // What the field shows is also what one types: that it gets the focus changes nothing under the fingers.
  const said = task.hours_left === null ? '' : String(task.hours_left)
  return (
    <span
      className={`hours${task.hours_left === null ? ' hours-open' : ''}`}
      title={hoursWords(task.hours_left)}
    >
      <input
        ref={field}
        inputMode="decimal"
        autoComplete="off"
        aria-label={`Hours left of ${task.summary}`}
        aria-invalid={wrong}
        placeholder="?"
        disabled={disabled}
        value={typed ?? said}
        onFocus={(event) => {
          setTyped(said)
          event.target.select()
        }}
        onClick={(event) => {
          if (typed === said) event.currentTarget.select()
        }}
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') {
            if (wrong) event.currentTarget.reportValidity()
            else event.currentTarget.blur()
          } else if (event.key === 'Escape') {
            event.stopPropagation()
            setTyped(undefined)
          }
        }}
        onBlur={finish}
      />
      <span aria-hidden="true">h</span>
    </span>
  )
}
