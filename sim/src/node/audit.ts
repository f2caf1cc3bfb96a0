import type { ServerMessage } from '@lockstep/protocol'
import type { Frame } from '@lockstep/server/stages'
import { contentOf } from '../history/wire.ts'

/** What a frame shows of a room. */
export type Content = NonNullable<ReturnType<typeof contentOf>>

const known = new WeakMap<Frame, Content | undefined>()

/** What a frame tells of a room to whoever gets it; undefined: nothing. */
export function contentOfFrame(frame: Frame): Content | undefined {
  if (known.has(frame)) return known.get(frame)
  // A frame holds what the server made of one of its messages.
  const message = JSON.parse(frame.bytes.toString('utf8', frame.payloadStart)) as ServerMessage
  const content = contentOf(message)
  known.set(frame, content)
  return content
}
