import type { Batch } from '../../hub/batch.ts'
import { payloadOf } from '../../log/frame.ts'

/** One event of an event stream; `data` may hold any line ends, which arrive as line feeds. @see C2 */
export function eventText(data: string, name?: string): string {
  const lines = data.split(/\r\n|\r|\n/)
  return `${name === undefined ? '' : `event: ${name}\n`}${lines.map((line) => `data: ${line}\n`).join('')}\n`
}

const known = new WeakMap<Batch, Buffer>()

/** A batch as events, one per message; made once for all connections that get it. */
export function batchEvents(batch: Batch): Buffer {
  const made = known.get(batch)
  if (made !== undefined) return made
  // Values of JSON columns go out as Postgres has them, and may hold line ends between their tokens.
  const bytes = Buffer.from(batch.frames.map((frame) => eventText(payloadOf(frame))).join(''))
  known.set(batch, bytes)
  return bytes
}
