import type { ReactElement } from 'react'
import { useBoard } from './board-context.tsx'
import type { Editing } from './drafts.ts'
import { useKeyed } from './keyed.ts'

/** Shown beside a draft when someone else has changed the same text meanwhile. */
export function Conflict({ editing, theirs }: { editing: Editing; theirs: string }): ReactElement | null {
  const { authors } = useBoard()
  const author = useKeyed(authors, editing.key)
  if (!editing.conflict) return null
  // A change from elsewhere, psql say, names nobody, and must not be laid at the door of who was before.
  const who = author?.text === theirs ? author.name : 'Someone'
  return (
    <div className="conflict" role="alert">
      <p>
        <strong>{who} changed this while you were writing.</strong> It now says:
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
