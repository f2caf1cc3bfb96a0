import { type Attachment, attachmentBytesMax, type Item, sizeText } from '../../model/board.ts'
import type { Doing } from './doing.ts'

/** What the viewer can do to files that hang on items. */
export class AttachmentActions {
  readonly #doing: Doing

  constructor(doing: Doing) {
    this.#doing = doing
  }

  async create(item: Item, file: File): Promise<void> {
    const { project, projectId, viewer } = this.#doing
    if (file.size > attachmentBytesMax) {
      const text = `“${file.name}” has ${sizeText(file.size)}. A file has at most ${sizeText(attachmentBytesMax)}.`
      this.#doing.problem(text)
      return
    }
    const content = await base64Of(file)
    const write = this.#doing.send('attachments', {
      body: { item_id: item.id, name: file.name, content },
      optimistic: (shown) =>
        shown.create('attachments', {
          project_id: projectId,
          item_id: item.id,
          user_id: viewer.id,
          name: file.name,
          size: file.size,
          created_at: new Date().toISOString(),
        }),
    })
    this.#doing.run({ failure: `“${file.name}” was not attached`, write })
    this.#doing.undoCreation(`attaching “${file.name}”`, write, (id) =>
      this.#doing.run({ failure: 'Not undone', write: project.attachments.destroy(id) }),
    )
  }

  /** The server keeps what is in the file for a while, so that it need not be sent again. */
  destroy(attachment: Attachment): void {
    const { id, ...attributes } = attachment
    const { name } = attachment
    const write = this.#doing.project.attachments.destroy(id)
    const undo = {
      label: `deleting the attachment “${name}”`,
      run: () => {
        const again = write.then(
          () =>
            this.#doing.send('attachments/restore', {
              body: { restores: id },
              optimistic: (shown) => shown.create('attachments', attributes),
            }),
          () => undefined,
        )
        this.#doing.run({ failure: `“${name}” was not brought back`, write: again })
        return undefined
      },
    }
    this.#doing.run({ failure: `“${name}” was not deleted`, write, undo })
    this.#doing.offerUndo(`Deleted the attachment “${name}”`, undo)
  }
}

async function base64Of(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer())
  let text = ''
  // In parts: a call takes only so many arguments.
  const part = 8192
  for (let from = 0; from < bytes.length; from += part) {
    text += String.fromCharCode(...bytes.subarray(from, from + part))
  }
  return btoa(text)
}
