import type { Json } from '@lockstep/protocol'
import type { WriteTransaction } from '@lockstep/server'
import type { Viewer } from '../../model/board.ts'
import type { Database } from '../database/connection.ts'

/** One change of a project by one member, inside its transaction. */
export interface Writing {
  readonly db: Database
  readonly tx: WriteTransaction
  readonly projectId: number
  readonly viewer: Viewer
}

/**
 * Tells the project's pages what was meant, with the commit. `notice` finishes a sentence that begins with
 * the member's name, and is what others read. `sprintId`: the sprint on whose page it can be seen.
 */
export async function tell(
  { tx, projectId, viewer }: Writing,
  operation: string,
  envelope: { readonly [field: string]: Json },
  notice: string,
  sprintId: number | null = null,
): Promise<void> {
  const _flash = { notice: `${viewer.name} ${notice}`, user_id: viewer.id, name: viewer.name }
  await tx.operation(`project/${projectId}`, operation, {
    ...envelope,
    ...(sprintId !== null && { _sprint_id: sprintId }),
    _flash,
  })
}

const quoteLengthMax = 60

/** A row's text as a notice names it. */
export function quote(text: string): string {
  const characters = [...text]
  const shown =
    characters.length > quoteLengthMax ? `${characters.slice(0, quoteLengthMax - 1).join('')}…` : text
  return `“${shown}”`
}
