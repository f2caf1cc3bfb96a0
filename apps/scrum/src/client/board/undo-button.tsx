import { type ReactElement, useEffect, useSyncExternalStore } from 'react'
import { UndoIcon } from '../shell/icons.tsx'
import { useBoard } from './board-context.tsx'

/** Takes back the viewer's last action; Ctrl + Z does the same outside of texts, which have an undo of their own. */
export function UndoButton(): ReactElement {
  const { doing, undo } = useBoard()
  const last = useSyncExternalStore(
    undo.subscribe,
    () => undo.last,
    () => undefined,
  )
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'z' || !(event.ctrlKey || event.metaKey) || event.shiftKey) return
      const { target } = event
      if (target instanceof HTMLInputElement && target.type !== 'checkbox') return
      if (target instanceof HTMLTextAreaElement) return
      event.preventDefault()
      doing.takeBack()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [doing])
  const label = last === undefined ? 'Nothing to undo' : `Undo ${last.label}`
  return (
    <button
      type="button"
      className="icon-button undo"
      aria-label={label}
      aria-keyshortcuts="Control+Z"
      title={last === undefined ? label : `${label} (Ctrl + Z)`}
      // Stays in the order of focus: pressing it the last time must not throw the keyboard out.
      aria-disabled={last === undefined}
      onClick={() => doing.takeBack()}
    >
      <UndoIcon />
    </button>
  )
}
