import { useCollection } from '@lockstep/client/react'
import { type FormEvent, type ReactElement, useEffect, useId, useRef, useState } from 'react'
import { figureText, velocityMax } from '../../model/board.ts'
import { useBoard } from '../board/board-context.tsx'
import { velocityOf } from './velocity.ts'

/** Offered where no sprint is over yet. */
const velocityGuess = 20

/** Cuts the backlog into future sprints by how much the team finishes in one. */
export function CutForm({ close }: { close: () => void }): ReactElement {
  const { actions, project, today } = useBoard()
  const velocity = velocityOf(useCollection(project.sprints), useCollection(project.sprint_days), today)
  const markers = useCollection(project.markers)
  const [text, setText] = useState(String(velocity ?? velocityGuess))
  const field = useRef<HTMLInputElement>(null)
  const id = useId()
  useEffect(() => field.current?.select(), [])
  const points = Number(text.replace(',', '.'))
  const fits = text.trim() !== '' && points >= 0.5 && points <= velocityMax
  const cut = (event: FormEvent): void => {
    event.preventDefault()
    if (!fits) return
    actions.markers.distribute(points)
    close()
  }
  return (
    <form
      className="panel tool-form"
      aria-label="Cut into sprints"
      onSubmit={cut}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close()
      }}
    >
      <h2>Cut the backlog into future sprints</h2>
      <div className="form-row">
        <label htmlFor={id}>Points in one sprint</label>
        <input
          ref={field}
          id={id}
          className="field"
          inputMode="decimal"
          autoComplete="off"
          value={text}
          aria-invalid={!fits}
          onChange={(event) => setText(event.target.value)}
        />
      </div>
      <div className="form-end">
        <button type="submit" className="button small" disabled={!fits}>
          Cut
        </button>
        {markers.length > 0 && (
          <button
            type="button"
            className="button plain small"
            onClick={() => {
              actions.markers.destroyAll()
              close()
            }}
          >
            Remove all markers
          </button>
        )}
        <button type="button" className="button plain small" onClick={close}>
          Cancel
        </button>
        <p className="hint">
          {velocity === undefined
            ? 'No sprint is over yet: this is a guess.'
            : `Your velocity in the last sprints: ${figureText(velocity)} points.`}
        </p>
      </div>
    </form>
  )
}
