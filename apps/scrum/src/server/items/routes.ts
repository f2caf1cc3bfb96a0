import * as v from 'valibot'
import {
  csvBytesMax,
  descriptionLengthMax,
  estimateMax,
  hoursMax,
  itemsPerImportMax,
  summaryLengthMax,
  tagsPerItemMax,
  tasksPerCreateMax,
  userStoryLengthMax,
} from '../../model/board.ts'
import { placeFields } from '../database/place.ts'
import type { Board, ProjectRoutes } from '../environment.ts'
import { amount, flag, line, prose, rowId, tagName } from '../http/input.ts'
import { postRoute, rowRoutes } from '../http/row-routes.ts'
import { changeItem, createItem, destroyItem } from './items.ts'
import { addLines, destroyMany, exportCsv, importCsv } from './many.ts'

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
  // With what hung on it: its id when it was deleted.
  restores: v.optional(rowId),
  // And with its tags.
  tags: v.optional(
    v.pipe(v.array(tagName), v.maxLength(tagsPerItemMax, `must not be more than ${tagsPerItemMax}`)),
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

const bulkAdd = v.object({
  lines: v.pipe(
    v.array(userStory),
    v.minLength(1, 'must not be empty'),
    v.maxLength(itemsPerImportMax, `must not be more than ${itemsPerImportMax}`),
  ),
})

const csvImport = v.object({ csv: v.string('must be text') })

const manyIds = v.object({
  ids: v.pipe(v.array(rowId), v.maxLength(itemsPerImportMax, `must not be more than ${itemsPerImportMax}`)),
})

export type BulkAdd = v.InferOutput<typeof bulkAdd>
export type CsvImport = v.InferOutput<typeof csvImport>
export type ManyIds = v.InferOutput<typeof manyIds>
export type NewItem = v.InferOutput<typeof newItem>
export type ItemChange = v.InferOutput<typeof itemChange>

export function itemRoutes(board: Board): ProjectRoutes {
  const routes = rowRoutes(board, {
    create: { body: newItem, run: createItem },
    change: { body: itemChange, run: changeItem },
    destroy: destroyItem,
  })
  postRoute(routes, board, '/bulk', { body: bulkAdd, run: addLines, bytesMax: csvBytesMax })
  postRoute(routes, board, '/import', { body: csvImport, run: importCsv, bytesMax: csvBytesMax })
  postRoute(routes, board, '/destroy', { body: manyIds, run: destroyMany })
  routes.get('/backlog.csv', async (c) => {
    c.header('Content-Type', 'text/csv; charset=utf-8; header=present')
    c.header('Content-Disposition', 'attachment; filename="backlog.csv"')
    c.header('Cache-Control', 'private, no-store')
    return c.body(await exportCsv(board.db, c.var.projectId))
  })
  return routes
}
