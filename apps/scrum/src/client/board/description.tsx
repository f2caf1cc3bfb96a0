import { type ReactElement, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { descriptionLengthMax } from '../../model/board.ts'
import { PenIcon } from '../shell/icons.tsx'
import { Conflict } from './conflict.tsx'
import { type Editing, useEditing } from './drafts.ts'
import { renderMarkdown } from './markdown.ts'
import { QuestionNote } from './question-note.tsx'

/** A text in Markdown that is edited where it stands. */
export function Description({
  draftKey,
  text,
  invitation,
  save,
}: {
  draftKey: string
  text: string
  /** Stands in place of a text that is not there yet. */
  invitation: string
  save: (text: string) => void
}): ReactElement {
  const editing = useEditing(draftKey, text, save)
  const opener = useRef<HTMLButtonElement>(null)
  const open = editing.text !== undefined
  const wasOpen = useRef(open)
  useLayoutEffect(() => {
    // The editor had the focus, and took it along.
    if (wasOpen.current && !open && document.activeElement === document.body) opener.current?.focus()
    wasOpen.current = open
  }, [open])
  return (
    <div className="description">
      <div className="details-head">
        <h2>Description</h2>
        {editing.text === undefined && text !== '' && (
          <button ref={opener} type="button" className="text-button" onClick={editing.begin}>
            <PenIcon /> Edit
          </button>
        )}
      </div>
      {editing.text !== undefined ? (
        <DescriptionEditor text={editing.text} editing={editing} theirs={text} />
      ) : text === '' ? (
        <button ref={opener} type="button" className="description-none" onClick={editing.begin}>
          {invitation}
        </button>
      ) : (
        <Markdown text={text} />
      )}
    </div>
  )
}

function DescriptionEditor({
  text,
  editing,
  theirs,
}: {
  text: string
  editing: Editing
  theirs: string
}): ReactElement {
  const [preview, setPreview] = useState(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const fieldId = useId()
  useEffect(() => {
    if (!preview) field.current?.focus()
  }, [preview])
  return (
    <div className="description-editor">
      <fieldset className="segments" aria-label="How to show the description">
        <button type="button" aria-pressed={!preview} onClick={() => setPreview(false)}>
          Write
        </button>
        <button type="button" aria-pressed={preview} onClick={() => setPreview(true)}>
          Preview
        </button>
      </fieldset>
      {preview ? (
        <div className="description-preview">
          {text.trim() === '' ? <p className="hint">Nothing to show yet.</p> : <Markdown text={text} />}
        </div>
      ) : (
        <>
          <label className="unseen" htmlFor={fieldId}>
            Description in Markdown
          </label>
          <textarea
            ref={field}
            id={fieldId}
            className="field"
            rows={Math.min(Math.max(text.split('\n').length + 1, 5), 20)}
            value={text}
            maxLength={descriptionLengthMax}
            onChange={(event) => editing.change(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) editing.finish()
              else if (event.key === 'Escape') editing.cancel()
            }}
          />
        </>
      )}
      <Conflict editing={editing} theirs={theirs} />
      <QuestionNote editing={editing} field={field} finish={editing.finish} />
      {!editing.conflict && (
        <div className="description-end">
          <button type="button" className="button small" onClick={editing.finish}>
            Save
          </button>
          <button type="button" className="button plain small" onClick={editing.cancel}>
            Cancel
          </button>
          <p className="hint">Markdown. Ctrl + Enter saves.</p>
        </div>
      )}
    </div>
  )
}

function Markdown({ text }: { text: string }): ReactElement {
  const html = useMemo(() => ({ __html: renderMarkdown(text) }), [text])
  // biome-ignore lint/security/noDangerouslySetInnerHtml: micromark escapes what is not Markdown
  return <div className="markdown" dangerouslySetInnerHTML={html} />
}
