import { type FormEvent, type ReactElement, useEffect, useId, useRef, useState } from 'react'
import { itemsPerImportMax, userStoryLengthMax } from '../../model/board.ts'
import { useBoard } from '../board/board-context.tsx'

/** Many items at once: a line each. */
export function BulkForm({ close }: { close: () => void }): ReactElement {
  const { actions } = useBoard()
  const [text, setText] = useState('')
  const [busy, setBusy] = useState(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const id = useId()
  useEffect(() => field.current?.focus(), [])
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const long = lines.findIndex((line) => line.length > userStoryLengthMax)
  const fault =
    long >= 0
      ? `Line ${long + 1} is longer than ${userStoryLengthMax} characters.`
      : lines.length > itemsPerImportMax
        ? `At most ${itemsPerImportMax} items at once.`
        : undefined
  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (lines.length === 0 || fault !== undefined || busy) return
    setBusy(true)
    // What was refused stays in the form.
    if (await actions.many.addLines(lines)) close()
    else setBusy(false)
  }
  return (
    <form
      className="panel tool-form"
      aria-label="Add many items"
      onSubmit={add}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close()
      }}
    >
      <h2>Add many items</h2>
      <div className="form-row">
        <label htmlFor={id}>One user story a line</label>
        <textarea
          ref={field}
          id={id}
          className="field"
          rows={6}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <div className="form-end">
        <button
          type="submit"
          className="button small"
          disabled={lines.length === 0 || fault !== undefined || busy}
        >
          Add {lines.length === 1 ? 'one item' : `${lines.length} items`}
        </button>
        <button type="button" className="button plain small" onClick={close}>
          Cancel
        </button>
        <p className="hint" role="status">
          {fault ?? 'They go to the end of the backlog.'}
        </p>
      </div>
    </form>
  )
}
