import { type FormEvent, type ReactElement, useEffect, useId, useRef, useState } from 'react'
import { csvBytesMax, estimateText, sizeText } from '../../model/board.ts'
import type { readCsv } from '../../model/csv.ts'
import { useBoard } from '../board/board-context.tsx'

interface Chosen {
  readonly name: string
  readonly csv: string
  readonly read: ReturnType<typeof readCsv>
}

/** Rows of the file that are shown before anything is saved, and faults that are told. */
const shownMax = 8

/** Items from a CSV file; what will come of it is shown before anything is saved. */
export function ImportForm({ close }: { close: () => void }): ReactElement {
  const { actions } = useBoard()
  const [chosen, setChosen] = useState<Chosen>()
  const [problem, setProblem] = useState<string>()
  const [busy, setBusy] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  const id = useId()
  useEffect(() => field.current?.focus(), [])
  const choose = async (file: File | undefined): Promise<void> => {
    setChosen(undefined)
    setProblem(undefined)
    if (file === undefined) return
    if (file.size > csvBytesMax) {
      setProblem(`The file has ${sizeText(file.size)}; at most ${sizeText(csvBytesMax)} can be read.`)
      return
    }
    // Only who imports needs what reads CSV.
    const [{ readCsv }, csv] = await Promise.all([import('../../model/csv.ts'), file.text()])
    setChosen({ name: file.name, csv, read: readCsv(csv) })
  }
  const items = chosen?.read.items ?? []
  const faults = chosen?.read.faults ?? []
  const ready = chosen !== undefined && faults.length === 0 && items.length > 0
  const send = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (!ready || busy) return
    setBusy(true)
    if (await actions.many.importCsv(chosen.csv, items.length)) close()
    else setBusy(false)
  }
  return (
    <form
      className="panel tool-form"
      aria-label="Import items"
      onSubmit={send}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close()
      }}
    >
      <h2>Import items from CSV</h2>
      <div className="form-row">
        <label htmlFor={id}>A file with the columns user story, description, estimate, tags, tasks</label>
        <input
          ref={field}
          id={id}
          className="field"
          type="file"
          accept=".csv,text/csv"
          onChange={(event) => void choose(event.target.files?.[0])}
        />
      </div>
      {faults.length > 0 && (
        <ul className="faults" role="alert">
          {faults.slice(0, shownMax).map(({ row, message }) => (
            <li key={`${row} ${message}`}>
              Row {row}: {message}
            </li>
          ))}
          {faults.length > shownMax && <li>And {faults.length - shownMax} more.</li>}
        </ul>
      )}
      {faults.length === 0 && items.length > 0 && (
        <ol className="preview" aria-label="What will be imported">
          {items.slice(0, shownMax).map(({ user_story, estimate, tags }, i) => (
            // The rows of a file have no names of their own.
            // biome-ignore lint/suspicious/noArrayIndexKey: see above
            <li key={i}>
              <span className="preview-estimate">{estimateText(estimate)}</span>
              <span>{user_story}</span>
              {tags.map((tag) => (
                <span key={tag} className="tag">
                  {tag}
                </span>
              ))}
            </li>
          ))}
          {items.length > shownMax && <li className="hint">And {items.length - shownMax} more.</li>}
        </ol>
      )}
      <div className="form-end">
        <button type="submit" className="button small" disabled={!ready || busy}>
          {ready ? `Import ${items.length === 1 ? 'one item' : `${items.length} items`}` : 'Import'}
        </button>
        <button type="button" className="button plain small" onClick={close}>
          Cancel
        </button>
        <p className="hint" role="status">
          {problem ??
            (chosen === undefined
              ? 'Nothing is saved before you have seen it.'
              : faults.length > 0
                ? 'Mend these rows and choose the file again.'
                : items.length === 0
                  ? 'There are no items in this file.'
                  : 'They go to the end of the backlog.')}
        </p>
      </div>
    </form>
  )
}
