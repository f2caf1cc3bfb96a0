import type { LockQuestion } from '@lockstep/client/locks'
import { useCollection } from '@lockstep/client/react'
import { type FocusEvent, type ReactElement, type RefObject, useEffect, useLayoutEffect, useRef } from 'react'
import { useAnnounce } from '../shell/announcer.tsx'
import { Avatar } from '../shell/avatar.tsx'
import { useBoard } from './board-context.tsx'
import { type Editing, rowOf } from './drafts.ts'
import { useKeyed } from './keyed.ts'
import { memberBehind, nameOf } from './people.ts'

interface QuestionProps {
  readonly editing: Editing
  /** Gets the focus back. */
  readonly field: RefObject<HTMLElement | null>
  /** Saves as the editor itself would. */
  readonly finish: () => void
  /** What leaving the text does, where it does something. */
  readonly leave?: () => void
}

/** Stands below a text that one writes while somebody else would like to have the row. */
export function QuestionNote(props: QuestionProps): ReactElement | null {
  const { drafts, questions } = useBoard()
  const { editing, finish } = props
  const { key } = editing
  const question = useKeyed(questions, rowOf(key))?.[0]
  useEffect(() => drafts.finishes(key, finish), [drafts, key, finish])
  return question === undefined ? null : <Question {...props} question={question} />
}

function Question({
  editing,
  field,
  leave,
  question,
}: QuestionProps & { question: LockQuestion }): ReactElement {
  const { claims, drafts, project, questions, viewer } = useBoard()
  const announce = useAnnounce()
  const note = useRef<HTMLDivElement>(null)
  const resource = rowOf(editing.key)
  const member = memberBehind(question.by, useCollection(project.members))
  const who = nameOf(member, viewer)
  useLayoutEffect(() => {
    const element = note.current
    // A question whose time is over must not take the focus along.
    return () => {
      if (element?.contains(document.activeElement)) field.current?.focus()
    }
  }, [field])
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
  const onBlur = ({ relatedTarget }: FocusEvent): void => {
    const isHere = note.current?.contains(document.activeElement) || relatedTarget === field.current
    if (!isHere && !isQuestion(relatedTarget)) leave?.()
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for fields
    <div
      ref={note}
      className="question"
      role="group"
      aria-label={`${who} would like to edit this`}
      data-question=""
      onBlur={onBlur}
    >
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
