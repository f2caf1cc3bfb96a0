import * as v from 'valibot'
import {
  descriptionLengthMax,
  estimateMax,
  hoursMax,
  summaryLengthMax,
  tasksPerCreateMax,
  userStoryLengthMax,
} from '../../model/board.ts'
import { placeFields } from '../database/place.ts'
import type { Board, ProjectRoutes } from '../environment.ts'
import { amount, flag, line, prose, rowId } from '../http/input.ts'
import { rowRoutes } from '../http/row-routes.ts'
import { changeItem, createItem, destroyItem } from './items.ts'

const userStory = line(userStoryLengthMax)
const description = prose(descriptionLengthMax)
const estimate = amount(estimateMax)
/** Null: the backlog. */
const sprint = v.nullable(rowId)

const newItem = v.object({
  user_story: userStory,
  description: v.optional(description, ''),
  estimate: v.optional(estimate, null),
  sprint_id: v.optional(sprint, null),
  // An item that was deleted comes back with its tasks in one request.
  tasks: v.optional(
    v.pipe(
      v.array(
        v.object({
          summary: line(summaryLengthMax),
          done: v.optional(flag, false),
          hours_left: v.optional(amount(hoursMax), null),
          user_id: v.optional(v.nullable(rowId), null),
        }),
      ),
      v.maxLength(tasksPerCreateMax, `must not be more than ${tasksPerCreateMax}`),
    ),
    [],
  ),
  ...placeFields,
})

const itemChange = v.object({
  user_story: v.optional(userStory),
  description: v.optional(description),
  estimate: v.optional(estimate),
  sprint_id: v.optional(sprint),
  ...placeFields,
})

export type NewItem = v.InferOutput<typeof newItem>
export type ItemChange = v.InferOutput<typeof itemChange>

export function itemRoutes(board: Board): ProjectRoutes {
  return rowRoutes(board, {
    create: { body: newItem, run: createItem },
    change: { body: itemChange, run: changeItem },
    destroy: destroyItem,
  })
}
