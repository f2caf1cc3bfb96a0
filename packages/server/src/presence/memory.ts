import type { Json } from '@lockstep/protocol'
import type { Runtime } from '../runtime/runtime.ts'
import type { Presence, PresenceReader, Present } from './presence.ts'

/** A channel's sessions: those that are told by name, and those beyond the bound, who wait for a place. */
interface Room {
  readonly listed: Map<string, Present>
  readonly others: Map<string, Present>
}

/** Presence of one node, in its memory. */
export class MemoryPresence implements Presence {
  readonly #runtime: Runtime
  readonly #presenceMax: number
  /** Maps, so that any name is a plain one. */
  readonly #rooms = new Map<string, Room>()
  readonly #channelsOf = new Map<string, Set<string>>()
  #reader: PresenceReader | undefined
  #present = 0

  /** `presenceMax`: most sessions of one channel that are told by name. */
  constructor(runtime: Runtime, { presenceMax }: { readonly presenceMax: number }) {
    this.#runtime = runtime
    this.#presenceMax = presenceMax
  }

  async enter(channel: string, session: string, by: Json): Promise<void> {
    const room = this.#rooms.get(channel) ?? { listed: new Map(), others: new Map() }
    this.#rooms.set(channel, room)
    const before = room.listed.get(session) ?? room.others.get(session)
    if (before === undefined) {
      const channels = this.#channelsOf.get(session) ?? new Set()
      this.#channelsOf.set(session, channels.add(channel))
      this.#present++
    }
    const at = before?.at ?? this.#runtime.now()
    const present = { channel, session, by, state: before?.state ?? null, at }
    const isListed =
      room.listed.has(session) || (before === undefined && room.listed.size < this.#presenceMax)
    ;(isListed ? room.listed : room.others).set(session, present)
    this.#reader?.changed(channel, session)
  }

  async update(channel: string, session: string, state: Json): Promise<void> {
    const room = this.#rooms.get(channel)
    const part = room?.listed.has(session) ? room.listed : room?.others
    const before = part?.get(session)
    if (before === undefined) return
    part?.set(session, { ...before, state })
    this.#reader?.changed(channel, session)
  }

  async leave(session: string, channel?: string): Promise<void> {
    const channels = this.#channelsOf.get(session)
    if (channels === undefined) return
    for (const left of channel === undefined ? [...channels] : [channel]) {
      if (!channels.delete(left)) continue
      this.#present--
      this.#remove(left, session)
    }
    if (channels.size === 0) this.#channelsOf.delete(session)
  }

  current(channel: string, sessions?: Iterable<string>): readonly Present[] {
    const listed = this.#rooms.get(channel)?.listed
    if (listed === undefined) return []
    return sessions === undefined
      ? [...listed.values()]
      : [...sessions].flatMap((session) => listed.get(session) ?? [])
  }

  unlisted(channel: string): number {
    return this.#rooms.get(channel)?.others.size ?? 0
  }

  onChange(reader: PresenceReader): void {
    this.#reader = reader
  }

  status(): { present: number } {
    return { present: this.#present }
  }

  #remove(channel: string, session: string): void {
    const room = this.#rooms.get(channel)
    if (room === undefined) return
    const hadPlace = room.listed.delete(session)
    room.others.delete(session)
    const [next] = room.others.values()
    if (hadPlace && next !== undefined) {
      room.others.delete(next.session)
      room.listed.set(next.session, next)
      this.#reader?.changed(channel, next.session)
    }
    if (room.listed.size === 0) this.#rooms.delete(channel)
    this.#reader?.changed(channel, session)
  }
}
