import { useCollection } from '@lockstep/client/react'
import { memo, type ReactElement, useRef, useState } from 'react'
import { useBoard } from '../board/board-context.tsx'
import { CutIcon, InIcon, ListIcon, OutIcon } from '../shell/icons.tsx'
import { tagsInOrder } from '../tag-rows.ts'
import { BulkForm } from './bulk-form.tsx'
import { CutForm } from './cut-form.tsx'
import { ImportForm } from './import-form.tsx'

type Open = 'bulk' | 'import' | 'cut' | undefined
const inOrder = { select: tagsInOrder }

/** What can be done with the backlog as a whole, and the tags to look at it by. */
export const Tools = memo(function Tools({
  chosen,
  choose,
}: {
  /** Ids of tags; only items that have all of them are shown. */
  chosen: readonly number[]
  choose: (tagIds: readonly number[]) => void
}): ReactElement {
  const { project, projectId } = useBoard()
  const tags = useCollection(project.tags, inOrder)
  const [open, setOpen] = useState<Open>()
  const opener = useRef<HTMLElement>(null)
  const toggle = (which: Open): void => {
    if (document.activeElement instanceof HTMLElement) opener.current = document.activeElement
    setOpen(open === which ? undefined : which)
  }
  const close = (): void => {
    setOpen(undefined)
    opener.current?.focus()
  }
  return (
    <>
      <div className="tools">
        {tags.length > 0 && (
          <fieldset className="tags filter" aria-label="Show only items with these tags">
            {tags.map(({ id, name }) => {
              const pressed = chosen.includes(id)
              return (
                <button
                  key={id}
                  type="button"
                  className="tag"
                  aria-pressed={pressed}
                  onClick={() => choose(pressed ? chosen.filter((other) => other !== id) : [...chosen, id])}
                >
                  {name}
                </button>
              )
            })}
          </fieldset>
        )}
        <div className="tool-buttons">
          <button
            type="button"
            className="text-button"
            aria-expanded={open === 'bulk'}
            onClick={() => toggle('bulk')}
          >
            <ListIcon /> Add many
          </button>
          <button
            type="button"
            className="text-button"
            aria-expanded={open === 'cut'}
            onClick={() => toggle('cut')}
          >
            <CutIcon /> Cut into sprints
          </button>
          <button
            type="button"
            className="text-button"
            aria-expanded={open === 'import'}
            onClick={() => toggle('import')}
          >
            <InIcon /> Import
          </button>
          <a className="text-button" href={`/api/projects/${projectId}/items/backlog.csv`} download>
            <OutIcon /> Export
          </a>
        </div>
      </div>
      {open === 'bulk' && <BulkForm close={close} />}
      {open === 'import' && <ImportForm close={close} />}
      {open === 'cut' && <CutForm close={close} />}
    </>
  )
})
