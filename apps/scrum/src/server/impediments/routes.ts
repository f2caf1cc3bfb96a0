import * as v from 'valibot'
import { descriptionLengthMax, summaryLengthMax } from '../../model/board.ts'
import type { Board, ProjectRoutes } from '../environment.ts'
import { flag, line, prose, rowId } from '../http/input.ts'
import { rowRoutes } from '../http/row-routes.ts'
import { changeImpediment, createImpediment, destroyImpediment } from './impediments.ts'

const newImpediment = v.object({
  summary: line(summaryLengthMax),
  description: v.optional(prose(descriptionLengthMax), ''),
  open: v.optional(flag, true),
  /** The deleted one that it is made of: its comments come back. */
  restores: v.optional(rowId),
})

const impedimentChange = v.object({
  summary: v.optional(line(summaryLengthMax)),
  description: v.optional(prose(descriptionLengthMax)),
  open: v.optional(flag),
})

export type NewImpediment = v.InferOutput<typeof newImpediment>
export type ImpedimentChange = v.InferOutput<typeof impedimentChange>

export function impedimentRoutes(board: Board): ProjectRoutes {
  return rowRoutes(board, {
    create: { body: newImpediment, run: createImpediment },
    change: { body: impedimentChange, run: changeImpediment },
    destroy: destroyImpediment,
  })
}
