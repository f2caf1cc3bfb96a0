import type { ReactElement } from 'react'
import type { Editing } from './drafts.ts'

/** Shown beside a draft when someone else has changed the same text meanwhile. */
export function Conflict({ editing, theirs }: { editing: Editing; theirs: string }): ReactElement | null {
  if (!editing.conflict) return null
  return (
    <div className="conflict" role="alert">
      <p>
        <strong>Someone changed this while you were writing.</strong> It now says:
      </p>
      <blockquote>{theirs === '' ? 'nothing' : theirs}</blockquote>
      <div className="conflict-choice">
        <button type="button" className="button small" onClick={editing.keepMine}>
          Keep mine
        </button>
        <button type="button" className="button plain small" onClick={editing.cancel}>
          Take theirs
        </button>
      </div>
    </div>
  )
}
