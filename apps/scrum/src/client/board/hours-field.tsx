import { type ReactElement, useEffect, useRef, useState } from 'react'
import { hoursMax, hoursText, hoursWords, readHours, type Task } from '../../model/board.ts'
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
  return (
    <input
      ref={field}
      className={`hours${task.hours_left === null ? ' hours-open' : ''}`}
      inputMode="decimal"
      autoComplete="off"
      aria-label={`Hours left of ${task.summary}`}
      aria-invalid={wrong}
      title={hoursWords(task.hours_left)}
      disabled={disabled}
      value={typed ?? hoursText(task.hours_left)}
      onFocus={(event) => {
        setTyped(task.hours_left === null ? '' : String(task.hours_left))
        const { target } = event
        requestAnimationFrame(() => target.select())
      }}
      onChange={(event) => setTyped(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter') {
          if (wrong) event.currentTarget.reportValidity()
          else event.currentTarget.blur()
        } else if (event.key === 'Escape') {
          event.stopPropagation()
          setTyped(undefined)
          // Blurring after the state is gone saves nothing.
          requestAnimationFrame(() => field.current?.blur())
        }
      }}
      onBlur={finish}
    />
  )
}
