import type { Attachment, ItemTag, Tag } from '../model/board.ts'
import type { ProjectChannel } from './lockstep.ts'
import { remembered } from './rows.ts'

/** A tag on an item, and the row that puts it there. */
export interface TagOfItem {
  readonly tag: Tag
  readonly link: ItemTag
}

/** Tags in the order of their names. */
export const tagsInOrder: (tags: readonly Tag[]) => readonly Tag[] = remembered((tags) =>
  [...tags].sort((a, b) => a.name.localeCompare(b.name, 'en') || a.id - b.id || 0),
)

const linksByItem = remembered((links: readonly ItemTag[]): ReadonlyMap<number, readonly ItemTag[]> => {
  const lists = new Map<number, ItemTag[]>()
  for (const link of links) {
    const list = lists.get(link.item_id)
    if (list === undefined) lists.set(link.item_id, [link])
    else list.push(link)
  }
  return lists
})

const tagsById = remembered(
  (tags: readonly Tag[]): ReadonlyMap<number, Tag> => new Map(tags.map((tag) => [tag.id, tag])),
)

const noLinks: readonly ItemTag[] = []

/** The links of an item; the same array until links change. */
export function linksOf(links: readonly ItemTag[], itemId: number): readonly ItemTag[] {
  return linksByItem(links).get(itemId) ?? noLinks
}

/** Tags of an item in the order of their names, from the rows of both. */
export function tagsOf(links: readonly ItemTag[], tags: readonly Tag[]): TagOfItem[] {
  const byId = tagsById(tags)
  return links
    .flatMap((link) => {
      const tag = byId.get(link.tag_id)
      return tag === undefined ? [] : [{ tag, link }]
    })
    .sort((a, b) => a.tag.name.localeCompare(b.tag.name, 'en'))
}

/** Tags of any item as they are now. */
export function tagsByItem(project: ProjectChannel): { of(itemId: number): readonly TagOfItem[] } {
  return { of: (itemId) => tagsOf(linksOf(project.item_tags.all(), itemId), project.tags.all()) }
}

/** The items that have all of these tags; undefined where there is none to look for. */
export function itemsTagged(
  links: readonly ItemTag[],
  tagIds: readonly number[],
): ReadonlySet<number> | undefined {
  if (tagIds.length === 0) return undefined
  const found = new Set<number>()
  for (const [itemId, own] of linksByItem(links)) {
    if (tagIds.every((id) => own.some(({ tag_id }) => tag_id === id))) found.add(itemId)
  }
  return found
}

const noFiles: readonly Attachment[] = []

const filesByItem = remembered((files: readonly Attachment[]): ReadonlyMap<number, readonly Attachment[]> => {
  const lists = new Map<number, Attachment[]>()
  for (const file of [...files].sort((a, b) => (a.created_at < b.created_at ? -1 : 1))) {
    const list = lists.get(file.item_id)
    if (list === undefined) lists.set(file.item_id, [file])
    else list.push(file)
  }
  return lists
})

/** Attachments of an item, oldest first. */
export function filesOf(files: readonly Attachment[], itemId: number): readonly Attachment[] {
  return filesByItem(files).get(itemId) ?? noFiles
}
