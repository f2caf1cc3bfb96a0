import { useCollection } from '@lockstep/client/react'
import { type ReactElement, useCallback, useId, useRef } from 'react'
import { type Attachment, attachmentBytesMax, type Item, sizeText } from '../../model/board.ts'
import { CloseIcon, FileIcon, PlusIcon } from '../shell/icons.tsx'
import { filesOf } from '../tag-rows.ts'
import { useBoard } from './board-context.tsx'
import { isUnnamed } from './pending.ts'

/** Files that hang on an item. */
export function Attachments({ item }: { item: Item }): ReactElement {
  const { actions, project, projectId } = useBoard()
  const select = useCallback((rows: readonly Attachment[]) => filesOf(rows, item.id), [item.id])
  const files = useCollection(project.attachments, { select })
  const field = useRef<HTMLInputElement>(null)
  const id = useId()
  return (
    <section className="attachments" aria-label="Attachments">
      <div className="details-head">
        <h2>Attachments</h2>
        <label className="text-button file-button" htmlFor={id}>
          <PlusIcon /> Attach a file
        </label>
        <input
          ref={field}
          id={id}
          className="unseen"
          type="file"
          multiple
          aria-description={`At most ${sizeText(attachmentBytesMax)} each`}
          onChange={(event) => {
            for (const file of event.target.files ?? []) void actions.attachments.create(item, file)
            event.target.value = ''
          }}
        />
      </div>
      {files.length > 0 && (
        <ul>
          {files.map((file) => (
            <li key={file.id} className="file">
              <FileIcon />
              {isUnnamed(file.id) ? (
                <span className="file-name">{file.name}</span>
              ) : (
                <a
                  className="file-name"
                  href={`/api/projects/${projectId}/attachments/${file.id}`}
                  download={file.name}
                >
                  {file.name}
                </a>
              )}
              <span className="hint">{sizeText(file.size)}</span>
              <button
                type="button"
                className="icon-button"
                aria-label={`Delete the attachment ${file.name}`}
                title="Delete"
                disabled={isUnnamed(file.id)}
                onClick={() => actions.attachments.destroy(file)}
              >
                <CloseIcon />
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
