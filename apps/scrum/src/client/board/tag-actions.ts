import type { Item, ItemTag, Tag } from '../../model/board.ts'
import type { Doing } from './doing.ts'
import { changeFields } from './row-fields.ts'

/** What the viewer can do to tags. */
export class TagActions {
  readonly #doing: Doing

  constructor(doing: Doing) {
    this.#doing = doing
  }

  /** Gives an item a tag by its name; a new one is made. One request either way. */
  attach(item: Item, name: string): void {
    const { project, projectId } = this.#doing
    const known = project.tags.all().find((tag) => tag.name.toLowerCase() === name.toLowerCase())
    const has = project.item_tags
      .all()
      .some(({ item_id, tag_id }) => item_id === item.id && tag_id === known?.id)
    if (has) return
    const write = this.#doing.send('item_tags', {
      body: { item_id: item.id, name },
      optimistic: (shown) => {
        // A tag that the server has yet to name cannot be pointed at: it shows when it is there.
        if (known !== undefined) {
          shown.create('item_tags', { project_id: projectId, item_id: item.id, tag_id: known.id })
        }
      },
    })
    this.#doing.announce(`Tagged with ${name}.`)
    this.#doing.run({ failure: `The tag “${name}” was not added`, write })
    this.#doing.undoCreation(`tagging with “${name}”`, write, (id) =>
      this.#doing.run({ failure: 'Not undone', write: project.item_tags.destroy(id) }),
    )
  }

  detach(item: Item, link: ItemTag, tag: Tag): void {
    this.#doing.announce(`Took the tag ${tag.name} off.`)
    this.#doing.run({
      failure: `The tag “${tag.name}” was not taken off`,
      write: this.#doing.project.item_tags.destroy(link.id),
      undo: {
        label: `taking off “${tag.name}”`,
        run: () => {
          this.attach(item, tag.name)
          return undefined
        },
      },
    })
  }

  create(name: string): void {
    const { project, projectId } = this.#doing
    const write = project.tags.create({ project_id: projectId, name })
    this.#doing.run({ failure: `The tag “${name}” was not made`, write })
    this.#doing.undoCreation(`making the tag “${name}”`, write, (id) =>
      this.#doing.run({ failure: 'Not undone', write: project.tags.destroy(id) }),
    )
  }

  rename(tag: Tag, name: string): void {
    changeFields(this.#doing, {
      rows: this.#doing.project.tags,
      row: tag,
      change: { name },
      failure: 'The tag was not renamed',
      label: `renaming the tag “${tag.name}”`,
      draft: { key: tagDraft(tag), text: name, base: tag.name },
    })
  }

  destroy(tag: Tag): void {
    const { project, projectId } = this.#doing
    const { name } = tag
    const links = project.item_tags.all().filter(({ tag_id }) => tag_id === tag.id)
    const write = this.#doing.send(`tags/${tag.id}`, {
      method: 'DELETE',
      optimistic: (shown) => {
        for (const { id } of links) shown.destroy('item_tags', id)
        shown.destroy('tags', tag.id)
      },
    })
    const undo = {
      label: `deleting the tag “${name}”`,
      run: () => {
        const again = write.then(
          () =>
            this.#doing.send('tags', {
              body: { name, item_ids: links.map(({ item_id }) => item_id) },
              optimistic: (shown) => shown.create('tags', { project_id: projectId, name }),
            }),
          () => undefined,
        )
        this.#doing.run({ failure: `The tag “${name}” was not brought back`, write: again })
        return undefined
      },
    }
    this.#doing.run({ failure: `The tag “${name}” was not deleted`, write, undo })
    this.#doing.offerUndo(`Deleted the tag “${name}”`, undo)
  }
}

export function tagDraft(tag: Tag): string {
  return `tags/${tag.id}/name`
}
