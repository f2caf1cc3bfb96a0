import { LockstepError } from '@lockstep/protocol'
import * as v from 'valibot'
import { attachmentBytesMax, fileNameLengthMax } from '../../model/board.ts'
import type { Board, ProjectRoutes } from '../environment.ts'
import { line, readId, rowId } from '../http/input.ts'
import { postRoute, rowRoutes } from '../http/row-routes.ts'
import { createAttachment, destroyAttachment, readAttachment, restoreAttachment } from './attachments.ts'

/** Base64 takes four characters for three bytes. */
const contentLengthMax = Math.ceil(attachmentBytesMax / 3) * 4
const restOfBodyBytes = 4096

const newAttachment = v.object({
  item_id: rowId,
  name: v.pipe(
    line(fileNameLengthMax),
    v.check((name) => !/[/\\]/.test(name), 'must be a name, not a path'),
  ),
  /** Base64. */
  content: v.pipe(
    v.string('must be text'),
    v.maxLength(contentLengthMax, `must not be more than ${attachmentBytesMax} bytes`),
    v.check((text) => text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text), 'must be base64'),
  ),
})

/** The id that it had when it was deleted. */
const restoredAttachment = v.object({ restores: rowId })

export type NewAttachment = v.InferOutput<typeof newAttachment>

export type RestoredAttachment = v.InferOutput<typeof restoredAttachment>

export function attachmentRoutes(board: Board): ProjectRoutes {
  const routes = rowRoutes(board, {
    create: {
      body: newAttachment,
      run: createAttachment,
      bytesMax: contentLengthMax + restOfBodyBytes,
    },
    destroy: destroyAttachment,
  })
  postRoute(routes, board, '/restore', { body: restoredAttachment, run: restoreAttachment })

  // To be kept, never to be shown: a page of somebody else's would be shown as one of ours.
  routes.get('/:id', async (c) => {
    const found = await readAttachment(board.db, c.var.projectId, readId(c.req.param('id')))
    if (found === undefined) throw new LockstepError('not_found')
    c.header('Content-Type', 'application/octet-stream')
    c.header('Content-Disposition', `attachment; filename*=UTF-8''${encodeName(found.name)}`)
    c.header('Cache-Control', 'private, no-store')
    return c.body(new Uint8Array(found.content))
  })

  return routes
}

/** As RFC 5987 wants it: what encodeURIComponent lets through of its own accord is too much. */
function encodeName(name: string): string {
  return encodeURIComponent(name).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)
}
