import * as v from 'valibot'
import { goalLengthMax, itemsPerSprintMax, sprintNameLengthMax } from '../../model/board.ts'
import type { Board, ProjectRoutes } from '../environment.ts'
import { day, line, prose, rowId } from '../http/input.ts'
import { rowRoutes } from '../http/row-routes.ts'
import { changeSprint, createSprint, destroySprint } from './sprints.ts'

const fields = {
  name: line(sprintNameLengthMax),
  goal: v.optional(prose(goalLengthMax), ''),
  from_date: day,
  to_date: day,
}

const newSprint = v.object({
  ...fields,
  // A sprint that was deleted comes back with its items in one request.
  item_ids: v.optional(
    v.pipe(v.array(rowId), v.maxLength(itemsPerSprintMax, `must not be more than ${itemsPerSprintMax}`)),
    [],
  ),
})

const sprintChange = v.partial(v.object(fields))

export type NewSprint = v.InferOutput<typeof newSprint>
export type SprintChange = v.InferOutput<typeof sprintChange>

export function sprintRoutes(board: Board): ProjectRoutes {
  return rowRoutes(board, {
    create: { body: newSprint, run: createSprint },
    change: { body: sprintChange, run: changeSprint },
    destroy: destroySprint,
  })
}
