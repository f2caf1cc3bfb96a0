import * as v from 'valibot'
import { itemsPerImportMax } from '../../model/board.ts'
import type { Board, ProjectRoutes } from '../environment.ts'
import { rowId, tagName } from '../http/input.ts'
import { rowRoutes } from '../http/row-routes.ts'
import { attachTag, detachTag } from './item-tags.ts'
import { changeTag, createTag, destroyTag } from './tags.ts'

const newTag = v.object({
  name: tagName,
  // A tag that was deleted comes back with its items in one request.
  item_ids: v.optional(
    v.pipe(v.array(rowId), v.maxLength(itemsPerImportMax, `must not be more than ${itemsPerImportMax}`)),
    [],
  ),
})
const tagChange = v.object({ name: tagName })
const newItemTag = v.object({ item_id: rowId, name: tagName })

export type NewTag = v.InferOutput<typeof newTag>
export type TagChange = v.InferOutput<typeof tagChange>
export type NewItemTag = v.InferOutput<typeof newItemTag>

export function tagRoutes(board: Board): ProjectRoutes {
  return rowRoutes(board, {
    create: { body: newTag, run: createTag },
    change: { body: tagChange, run: changeTag },
    destroy: destroyTag,
  })
}

/** Which item has which tag. */
export function itemTagRoutes(board: Board): ProjectRoutes {
  return rowRoutes(board, { create: { body: newItemTag, run: attachTag }, destroy: detachTag })
}
