import { type FormEvent, type ReactElement, useCallback, useEffect, useId, useRef, useState } from 'react'
import {
  estimateCards,
  estimateMax,
  estimateText,
  estimateWords,
  type Item,
  readEstimate,
} from '../../model/board.ts'
import { useBoard } from './board-context.tsx'
import { moveFocus, useFloating } from './floating.ts'

const cards: readonly (number | null)[] = [...estimateCards, null]

/** The estimate, and the cards to choose another from. */
export function EstimatePicker({ item, disabled }: { item: Item; disabled: boolean }): ReactElement {
  const { actions } = useBoard()
  const [open, setOpen] = useState(false)
  const [other, setOther] = useState('')
  const around = useRef<HTMLDivElement>(null)
  const grid = useRef<HTMLDivElement>(null)
  const button = useRef<HTMLButtonElement>(null)
  const panelId = useId()
  const fieldId = useId()
  const close = useCallback((returnFocus: boolean) => {
    setOpen(false)
    setOther('')
    if (returnFocus) button.current?.focus()
  }, [])
  useFloating(open, around, close)
  useEffect(() => {
    if (!open || grid.current === null) return
    const chosen = grid.current.querySelector<HTMLButtonElement>('[aria-pressed="true"]')
    const first = chosen ?? grid.current.querySelector('button')
    first?.focus()
  }, [open])

  const choose = (estimate: number | null): void => {
    close(true)
    actions.items.estimate(item, estimate)
  }
  const typed = readEstimate(other)
  const submit = (event: FormEvent): void => {
    event.preventDefault()
    if (other.trim() !== '' && typed !== undefined) choose(typed)
  }
  const words = estimateWords(item.estimate)
  return (
    <div className="estimate" ref={around}>
      <button
        ref={button}
        type="button"
        className={`estimate-card${item.estimate === null ? ' estimate-open' : ''}`}
        aria-label={`Estimate: ${words}`}
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-controls={open ? panelId : undefined}
        title={item.estimate === null ? 'Not estimated yet' : words}
        disabled={disabled}
        onClick={() => setOpen(!open)}
      >
        {estimateText(item.estimate)}
      </button>
      {open && (
        <div
          id={panelId}
          className="menu estimate-panel"
          role="dialog"
          aria-label={`Estimate of ${item.user_story}`}
        >
          {/* biome-ignore lint/a11y/noStaticElementInteractions: arrow keys among its buttons, which Tab reaches too */}
          <div ref={grid} className="estimate-cards" onKeyDown={(event) => moveFocus(grid.current, event)}>
            {cards.map((card) => (
              <button
                key={card ?? 'none'}
                type="button"
                className="estimate-choice"
                aria-pressed={card === item.estimate}
                aria-label={estimateWords(card)}
                onClick={() => choose(card)}
              >
                {estimateText(card)}
              </button>
            ))}
          </div>
          <form className="estimate-other" onSubmit={submit}>
            <label htmlFor={fieldId}>Other</label>
            <input
              id={fieldId}
              className="field"
              inputMode="decimal"
              autoComplete="off"
              value={other}
              aria-invalid={typed === undefined}
              placeholder={`0 to ${estimateMax}`}
              onChange={(event) => setOther(event.target.value)}
            />
            <button type="submit" className="button" disabled={other.trim() === '' || typed === undefined}>
              Set
            </button>
          </form>
        </div>
      )}
    </div>
  )
}
