import * as v from 'valibot'
import { commentLengthMax } from '../../model/board.ts'
import type { Board, ProjectRoutes } from '../environment.ts'
import { prose, rowId } from '../http/input.ts'
import { rowRoutes } from '../http/row-routes.ts'
import { createComment } from './comments.ts'

const newComment = v.pipe(
  v.object({
    item_id: v.optional(v.nullable(rowId), null),
    impediment_id: v.optional(v.nullable(rowId), null),
    text: v.pipe(
      prose(commentLengthMax),
      v.check((text) => text.trim() !== '', 'must not be empty'),
    ),
  }),
  v.forward(
    v.check(
      ({ item_id, impediment_id }) => (item_id === null) !== (impediment_id === null),
      'must be given, or impediment_id, and not both',
    ),
    ['item_id'],
  ),
)

export type NewComment = v.InferOutput<typeof newComment>

/** What was said stays said: comments are made, not changed. */
export function commentRoutes(board: Board): ProjectRoutes {
  return rowRoutes(board, { create: { body: newComment, run: createComment } })
}
