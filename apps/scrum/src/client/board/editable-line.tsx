import { type KeyboardEvent, type ReactElement, useLayoutEffect, useRef } from 'react'
import { Conflict } from './conflict.tsx'
import type { Editing } from './drafts.ts'
import { isQuestion, QuestionNote } from './question-note.tsx'

/**
 * A line of text that turns into a field where it stands. Enter saves, Escape gives up, leaving saves.
 * `id` names the text for what it labels.
 */
export function EditableLine({
  id,
  value,
  label,
  lengthMax,
  editing,
  className,
  disabled = false,
}: {
  id?: string
  value: string
  /** What the text is, e.g. `User story`. */
  label: string
  lengthMax: number
  editing: Editing
  className: string
  disabled?: boolean
}): ReactElement {
  const field = useRef<HTMLTextAreaElement>(null)
  const opener = useRef<HTMLButtonElement>(null)
  const returnFocus = useRef(false)
  const { text } = editing
  const open = text !== undefined

  useLayoutEffect(() => {
    const element = field.current
    if (open && element !== null) {
      element.focus()
      element.select()
    } else if (!open && returnFocus.current) {
      returnFocus.current = false
      opener.current?.focus()
    }
  }, [open])

  useLayoutEffect(() => {
    const element = field.current
    if (text === undefined || element === null) return
    // Grows with its text, where the browser does not do it by itself.
    element.style.height = 'auto'
    element.style.height = `${element.scrollHeight}px`
  }, [text])

  if (text === undefined) {
    return (
      <button
        ref={opener}
        type="button"
        className={`editable ${className}`}
        disabled={disabled}
        aria-description={`${label}. Press Enter to edit.`}
        onClick={editing.begin}
      >
        <span id={id}>{value}</span>
      </button>
    )
  }
  const finish = (): void => {
    if (text.trim() === '') editing.cancel()
    else editing.finish()
  }
  const finishHere = (): void => {
    returnFocus.current = true
    finish()
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      event.preventDefault()
      finishHere()
    } else if (event.key === 'Escape') {
      event.stopPropagation()
      returnFocus.current = true
      editing.cancel()
    }
  }
  return (
    <div className="editable-open">
      <textarea
        ref={field}
        className={`editable-field ${className}`}
        aria-label={label}
        rows={1}
        value={text}
        maxLength={lengthMax}
        onChange={(event) => editing.change(event.target.value.replace(/\s*\n\s*/g, ' '))}
        onKeyDown={onKeyDown}
        onBlur={(event) => {
          // Another window has come to the front: the writer has not left the field.
          if (document.activeElement !== field.current && !isQuestion(event.relatedTarget)) finish()
        }}
      />
      <Conflict editing={editing} theirs={value} />
      <QuestionNote editing={editing} field={field} finish={finishHere} leave={finish} />
    </div>
  )
}
