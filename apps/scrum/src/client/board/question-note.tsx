import { useCollection } from '@lockstep/client/react'
import { type ReactElement, type RefObject, useEffect } from 'react'
import { useAnnounce } from '../shell/announcer.tsx'
import { Avatar } from '../shell/avatar.tsx'
import { useBoard } from './board-context.tsx'
import { type Editing, rowOf } from './drafts.ts'
import { useKeyed } from './keyed.ts'
import { memberBehind, nameOf } from './people.ts'

/** Stands below a text that one writes while somebody else would like to have the row. */
export function QuestionNote({
  editing,
  field,
  finish,
}: {
  editing: Editing
  /** Gets the focus back. */
  field: RefObject<HTMLElement | null>
  /** Saves as the editor itself would. */
  finish: () => void
}): ReactElement | null {
  const { claims, drafts, project, questions, viewer } = useBoard()
  const announce = useAnnounce()
  const { key } = editing
  const resource = rowOf(key)
  const question = useKeyed(questions, resource)?.[0]
  const member = memberBehind(question?.by ?? null, useCollection(project.members))
  useEffect(() => drafts.finishes(key, finish), [drafts, key, finish])
  if (question === undefined) return null
  const who = nameOf(member, viewer)
  const give = (): void => {
    announce(`${who} can edit it now.`)
    claims.yield(resource, question)
    drafts.finishAll(resource)
  }
  const keep = (): void => {
    question.answer(false)
    questions.remove(resource, question)
    field.current?.focus()
  }
  // Pressing a button must not leave the text first: that would save it.
  const stay = (event: { preventDefault(): void }): void => event.preventDefault()
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
    <div className="question" role="group" aria-label={`${who} would like to edit this`} data-question="">
      <Avatar name={member?.name ?? '?'} hue={member?.hue ?? 0} />
      <p>
        <strong>{who} would like to edit this.</strong>
        {editing.conflict
          ? ' If you let go, your text stays here unsaved.'
          : ' If you let go, your text is saved.'}
      </p>
      <div className="conflict-choice">
        <button type="button" className="button small" onMouseDown={stay} onClick={give}>
          Let go
        </button>
        <button type="button" className="button plain small" onMouseDown={stay} onClick={keep}>
          Keep it
        </button>
      </div>
    </div>
  )
}

/** Whether the focus goes to the question: then the text has not been left. */
export function isQuestion(element: EventTarget | null): boolean {
  return element instanceof Element && element.closest('[data-question]') !== null
}
