import { useCollection } from '@lockstep/client/react'
import { type ReactElement, useCallback } from 'react'
import { type Impediment, summaryLengthMax } from '../../model/board.ts'
import { useBoard } from '../board/board-context.tsx'
import { Comments } from '../board/comments.tsx'
import { Description } from '../board/description.tsx'
import { useEditing } from '../board/drafts.ts'
import { EditableLine } from '../board/editable-line.tsx'
import { focusBeside } from '../board/focus-beside.ts'
import { impedimentKey, litClass } from '../board/highlights.ts'
import { HolderNote } from '../board/holder-note.tsx'
import { impedimentDraft } from '../board/impediment-actions.ts'
import { useKeyed } from '../board/keyed.ts'
import { Moment } from '../board/moment.tsx'
import { isUnnamed } from '../board/pending.ts'
import { commentsBySubject } from '../rows.ts'
import { ChevronIcon, TrashIcon } from '../shell/icons.tsx'

const bySubject = { select: commentsBySubject }

/** One thing that is in the way, and what opens below it. */
export function ImpedimentCard({ impediment }: { impediment: Impediment }): ReactElement {
  const { actions, highlights, open: opened, pending, project } = useBoard()
  const { id, summary, description, open, created_at } = impediment
  const key = impedimentKey(id)
  const unnamed = isUnnamed(id)
  const expanded = useKeyed(opened, key) === true
  const lit = useKeyed(highlights, key)
  const waiting = useKeyed(pending, key) !== undefined || unnamed
  const subject = { item_id: null, impediment_id: id }
  const comments = useCollection(project.comments, bySubject).of(subject)
  const rename = useCallback(
    (text: string) => actions.impediments.rename(impediment, text.trim()),
    [actions, impediment],
  )
  const describe = useCallback(
    (text: string) => actions.impediments.describe(impediment, text),
    [actions, impediment],
  )
  const editing = useEditing(impedimentDraft(impediment, 'summary'), summary, rename)
  const classes = ['item', expanded && 'item-opened', waiting && 'item-waiting', !open && 'impediment-closed']
  return (
    <article className={classes.filter(Boolean).join(' ')} aria-label={summary} data-row={key}>
      <div className={`item-line${litClass(lit)}`}>
        <button
          type="button"
          className={`status status-${open ? 'open' : 'closed'}`}
          aria-label={`${open ? 'Open' : 'Closed'}: ${summary}`}
          aria-description={open ? 'Press to close it.' : 'Press to open it again.'}
          title={open ? 'Close it: it is out of the way' : 'Open it again'}
          disabled={unnamed}
          onClick={() => actions.impediments.setOpen(impediment, !open)}
        >
          {open ? 'Open' : 'Closed'}
        </button>
        <div className="item-text">
          <EditableLine
            value={summary}
            label="Impediment"
            lengthMax={summaryLengthMax}
            editing={editing}
            className="item-story"
            disabled={unnamed}
          />
          <HolderNote resource={key} name={summary} edit={editing.begin} />
        </div>
        <div className="item-meta">
          <button
            type="button"
            className="icon-button item-delete"
            aria-label={`Delete ${summary}`}
            title="Delete"
            disabled={unnamed}
            onClick={({ currentTarget }) => {
              focusBeside(currentTarget)
              actions.impediments.destroy(impediment)
            }}
          >
            <TrashIcon />
          </button>
          <p className="hint since">
            <Moment at={created_at} />
            {comments.length > 0 &&
              ` · ${comments.length === 1 ? '1 comment' : `${comments.length} comments`}`}
          </p>
          <button
            type="button"
            className="icon-button item-open"
            aria-expanded={expanded}
            aria-label={`Details of ${summary}`}
            title={expanded ? 'Close the details' : 'Description and comments'}
            disabled={unnamed}
            onClick={() => opened.set(key, expanded ? undefined : true)}
          >
            <ChevronIcon />
          </button>
        </div>
      </div>
      {expanded && (
        <div className="details">
          <div className="details-side">
            <Description
              draftKey={impedimentDraft(impediment, 'description')}
              text={description}
              invitation="Say more: since when, whom does it stop, who could help?"
              save={describe}
            />
          </div>
          <div className="details-side">
            <Comments subject={subject} />
          </div>
        </div>
      )}
    </article>
  )
}
