import { useCollection } from '@lockstep/client/react'
import { type FormEvent, type ReactElement, useId, useState } from 'react'
import { type Item, tagNameLengthMax } from '../../model/board.ts'
import { CloseIcon } from '../shell/icons.tsx'
import { tagsInOrder } from '../tag-rows.ts'
import { useBoard } from './board-context.tsx'
import { useTagsOf } from './item-tags.tsx'
import { isUnnamed } from './pending.ts'

const inOrder = { select: tagsInOrder }

/** An item's tags, to be taken off, and a line to add others by: known ones are offered, new ones made. */
export function TagPicker({ item }: { item: Item }): ReactElement {
  const { actions, project } = useBoard()
  const own = useTagsOf(item.id)
  const all = useCollection(project.tags, inOrder)
  const [text, setText] = useState('')
  const id = useId()
  const add = (event: FormEvent): void => {
    event.preventDefault()
    const name = text.replaceAll(',', ' ').trim()
    if (name === '') return
    actions.tags.attach(item, name)
    setText('')
  }
  return (
    <section className="tag-picker" aria-label="Tags">
      <div className="details-head">
        <h2>Tags</h2>
      </div>
      <ul className="tags">
        {own.map(({ tag, link }) => (
          <li key={link.id} className="tag tag-own">
            {tag.name}
            <button
              type="button"
              aria-label={`Take off the tag ${tag.name}`}
              title="Take it off"
              disabled={isUnnamed(link.id)}
              onClick={() => actions.tags.detach(item, link, tag)}
            >
              <CloseIcon />
            </button>
          </li>
        ))}
        <li>
          <form onSubmit={add}>
            <label className="unseen" htmlFor={id}>
              New tag
            </label>
            <input
              id={id}
              className="tag-field"
              list={`${id}list`}
              placeholder="Add a tag"
              value={text}
              maxLength={tagNameLengthMax}
              autoComplete="off"
              enterKeyHint="done"
              onChange={(event) => setText(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === 'Escape') setText('')
              }}
            />
            <datalist id={`${id}list`}>
              {all
                .filter(({ id: tagId }) => !own.some(({ tag }) => tag.id === tagId))
                .map((tag) => (
                  <option key={tag.id} value={tag.name} />
                ))}
            </datalist>
          </form>
        </li>
      </ul>
    </section>
  )
}
