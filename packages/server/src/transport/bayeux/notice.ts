import type { Operation, ServerMessage } from '@lockstep/protocol'
import type { Frame } from '../../log/frame.ts'
import { noticeOperations } from '../notice-operations.ts'
import { delivery } from './mapping.ts'
import type { Parcel } from './parcel.ts'

/** What is told of one of the hub's channels beside its rows: its locks, and who is there. */
export class Notice {
  readonly channel: string
  readonly #operations: readonly Operation[]
  #position: string | undefined
  #parcels: readonly Parcel[] = []

  constructor(channel: string, operations: readonly Operation[]) {
    this.channel = channel
    this.#operations = operations
  }

  /** Its messages, for clients that have had everything up to a position: mostly that is the same for all. */
  parcelsAt(position: string): readonly Parcel[] {
    if (this.#position !== position) {
      this.#position = position
      const name = `/operations/${this.channel}`
      this.#parcels = this.#operations.map((operation) =>
        delivery(name, { ...operation, session_id: null }, { position }),
      )
    }
    return this.#parcels
  }
}

const notices = new WeakMap<Frame, Notice>()

/** The notice in a frame that was read before. */
export function knownNotice(frame: Frame): Notice | undefined {
  return notices.get(frame)
}

/** The notice in a frame, read once for all clients that are sent it; undefined: it has something else. */
export function noticeOf(frame: Frame, message: ServerMessage): Notice | undefined {
  const operations = noticeOperations(message)
  if (operations === undefined || !('channel' in message) || message.channel === undefined) return undefined
  const notice = new Notice(message.channel, operations)
  notices.set(frame, notice)
  return notice
}
