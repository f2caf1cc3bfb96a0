import * as v from 'valibot'
import { hoursMax, summaryLengthMax } from '../../model/board.ts'
import { placeFields } from '../database/place.ts'
import type { Board, ProjectRoutes } from '../environment.ts'
import { amount, flag, line, rowId } from '../http/input.ts'
import { rowRoutes } from '../http/row-routes.ts'
import { changeTask, createTask, destroyTask } from './tasks.ts'

const newTask = v.object({
  item_id: rowId,
  summary: line(summaryLengthMax),
  done: v.optional(flag, false),
  hours_left: v.optional(amount(hoursMax), null),
  user_id: v.optional(v.nullable(rowId), null),
  ...placeFields,
})

const taskChange = v.object({
  /** Another item, where the task is moved there. */
  item_id: v.optional(rowId),
  summary: v.optional(line(summaryLengthMax)),
  done: v.optional(flag),
  hours_left: v.optional(amount(hoursMax)),
  user_id: v.optional(v.nullable(rowId)),
  ...placeFields,
})

export type NewTask = v.InferOutput<typeof newTask>
export type TaskChange = v.InferOutput<typeof taskChange>

export function taskRoutes(board: Board): ProjectRoutes {
  return rowRoutes(board, {
    create: { body: newTask, run: createTask },
    change: { body: taskChange, run: changeTask },
    destroy: destroyTask,
  })
}
