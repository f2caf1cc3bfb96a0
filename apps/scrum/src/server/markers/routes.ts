import * as v from 'valibot'
import { markersMax, velocityMax } from '../../model/board.ts'
import { isRank } from '../../model/rank.ts'
import { drizzleOn } from '../database/connection.ts'
import type { Board, ProjectRoutes } from '../environment.ts'
import { postRoute, rowRoutes } from '../http/row-routes.ts'
import {
  changeMarker,
  createMarker,
  destroyMarker,
  destroyMarkers,
  distributeMarkers,
  replaceMarkers,
} from './markers.ts'

const position = v.pipe(v.string('must be text'), v.check(isRank, 'is not a rank'))
const marker = v.object({ position })

const distribution = v.object({
  /** Points that fit into one sprint. */
  velocity: v.pipe(
    v.number('must be a number'),
    v.minValue(0.5, 'must be at least 0.5'),
    v.maxValue(velocityMax, `must not be above ${velocityMax}`),
  ),
})

const replacement = v.object({
  positions: v.pipe(v.array(position), v.maxLength(markersMax, `must not be more than ${markersMax}`)),
})

export type NewMarker = v.InferOutput<typeof marker>
export type Distribution = v.InferOutput<typeof distribution>
export type Replacement = v.InferOutput<typeof replacement>

export function markerRoutes(board: Board): ProjectRoutes {
  const routes = rowRoutes(board, {
    create: { body: marker, run: createMarker },
    change: { body: marker, run: changeMarker },
    destroy: destroyMarker,
  })
  postRoute(routes, board, '/distribute', { body: distribution, run: distributeMarkers })
  // All of them as they were, to take back what was done to many.
  postRoute(routes, board, '/replace', { body: replacement, run: replaceMarkers })
  routes.delete('/', async (c) => {
    const { projectId, viewer } = c.var
    return await board.sync.respond(
      c.req.raw,
      (tx) => destroyMarkers({ db: drizzleOn(tx.sql), tx, projectId, viewer }),
      { user: viewer },
    )
  })
  return routes
}
