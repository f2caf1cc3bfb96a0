import { useCollection } from '@lockstep/client/react'
import { type FormEvent, type ReactElement, useId, useState } from 'react'
import { type Comment, commentLengthMax } from '../../model/board.ts'
import { commentsBySubject, membersById } from '../rows.ts'
import { useAnnounce } from '../shell/announcer.tsx'
import { Avatar } from '../shell/avatar.tsx'
import { useBoard } from './board-context.tsx'
import type { Subject } from './comment-actions.ts'
import { litClass } from './highlights.ts'
import { useKeyed } from './keyed.ts'
import { Moment } from './moment.tsx'

const bySubject = { select: commentsBySubject }
const members = { select: membersById }

/** What was said about an item or an impediment, and a place to say more. */
export function Comments({ subject }: { subject: Subject }): ReactElement {
  const { project } = useBoard()
  const comments = useCollection(project.comments, bySubject).of(subject)
  return (
    <section className="comments" aria-label="Comments">
      <div className="details-head">
        <h2>Comments</h2>
        {comments.length > 0 && <p className="hint">{comments.length}</p>}
      </div>
      {comments.length > 0 && (
        <ol>
          {comments.map((comment) => (
            <CommentLine key={comment.id} comment={comment} />
          ))}
        </ol>
      )}
      <NewComment subject={subject} />
    </section>
  )
}

function CommentLine({ comment }: { comment: Comment }): ReactElement {
  const { project, highlights } = useBoard()
  const member = useCollection(project.members, members).get(comment.user_id ?? 0)
  const lit = useKeyed(highlights, `comments/${comment.id}`)
  const name = member?.name ?? 'Someone who has left'
  return (
    <li className={`comment${litClass(lit)}`}>
      <Avatar name={member?.name ?? '?'} hue={member?.hue ?? 0} />
      <div>
        <p className="comment-head">
          <strong>{name}</strong> <Moment at={comment.created_at} />
        </p>
        <p className="comment-text">{comment.text}</p>
      </div>
    </li>
  )
}

function NewComment({ subject }: { subject: Subject }): ReactElement {
  const { actions } = useBoard()
  const announce = useAnnounce()
  const [text, setText] = useState('')
  const id = useId()
  const add = (event: FormEvent): void => {
    event.preventDefault()
    if (text.trim() === '') return
    // A text that was begun meanwhile is not written over.
    actions.comments.create(subject, text.trim(), (refused) => setText((now) => (now === '' ? refused : now)))
    announce('Comment added.')
    setText('')
  }
  return (
    <form className="new-comment" onSubmit={add}>
      <label className="unseen" htmlFor={id}>
        New comment
      </label>
      <textarea
        id={id}
        className="field"
        rows={text === '' ? 1 : 3}
        placeholder="Write a comment"
        value={text}
        maxLength={commentLengthMax}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) add(event)
        }}
      />
      {text.trim() !== '' && (
        <button type="submit" className="button small">
          Comment
        </button>
      )}
    </form>
  )
}
