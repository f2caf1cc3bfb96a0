import { useCollection } from '@lockstep/client/react'
import { type FormEvent, type ReactElement, useCallback, useId, useState } from 'react'
import { type ItemTag, type Tag, tagNameLengthMax } from '../../model/board.ts'
import { useBoard } from '../board/board-context.tsx'
import { useEditing } from '../board/drafts.ts'
import { EditableLine } from '../board/editable-line.tsx'
import { focusBeside } from '../board/focus-beside.ts'
import { isUnnamed } from '../board/pending.ts'
import { tagDraft } from '../board/tag-actions.ts'
import { remembered } from '../rows.ts'
import { CloseIcon } from '../shell/icons.tsx'
import { tagsInOrder } from '../tag-rows.ts'

const inOrder = { select: tagsInOrder }
const countByTag = remembered((links: readonly ItemTag[]): ReadonlyMap<number, number> => {
  const counts = new Map<number, number>()
  for (const { tag_id } of links) counts.set(tag_id, (counts.get(tag_id) ?? 0) + 1)
  return counts
})
const counted = { select: countByTag }

/** All tags of the project, to rename and delete. */
export function TagList(): ReactElement {
  const { actions, project } = useBoard()
  const tags = useCollection(project.tags, inOrder)
  const counts = useCollection(project.item_tags, counted)
  const [text, setText] = useState('')
  const id = useId()
  const add = (event: FormEvent): void => {
    event.preventDefault()
    const name = text.replaceAll(',', ' ').trim()
    if (name === '') return
    actions.tags.create(name)
    setText('')
  }
  return (
    <section>
      <h2>Tags</h2>
      {tags.length > 0 && (
        <ul className="tag-list" aria-label="All tags">
          {tags.map((tag) => (
            <TagRow key={tag.id} tag={tag} count={counts.get(tag.id) ?? 0} />
          ))}
        </ul>
      )}
      <form onSubmit={add}>
        <label className="unseen" htmlFor={id}>
          New tag for the project
        </label>
        <input
          id={id}
          className="tag-field"
          placeholder="New tag"
          value={text}
          maxLength={tagNameLengthMax}
          autoComplete="off"
          enterKeyHint="done"
          onChange={(event) => setText(event.target.value)}
        />
      </form>
    </section>
  )
}

function TagRow({ tag, count }: { tag: Tag; count: number }): ReactElement {
  const { actions } = useBoard()
  const unnamed = isUnnamed(tag.id)
  const rename = useCallback((text: string) => actions.tags.rename(tag, text.trim()), [actions, tag])
  const editing = useEditing(tagDraft(tag), tag.name, rename)
  return (
    <li>
      <EditableLine
        value={tag.name}
        label="Tag"
        lengthMax={tagNameLengthMax}
        editing={editing}
        className="tag-name"
        disabled={unnamed}
      />
      <span className="hint">{count}</span>
      <button
        type="button"
        className="icon-button"
        aria-label={`Delete the tag ${tag.name}`}
        title="Delete the tag everywhere"
        disabled={unnamed}
        onClick={({ currentTarget }) => {
          focusBeside(currentTarget)
          actions.tags.destroy(tag)
        }}
      >
        <CloseIcon />
      </button>
    </li>
  )
}
