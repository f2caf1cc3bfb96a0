import type { Checker } from '../history/history.ts'
import type { Deadlines } from './checks.ts'
import type { Facts } from './facts.ts'
import { checker } from './rule.ts'

/** A timer that was set before a clock went forward runs to its end: as long as a connection may take to open. */
const connectMs = 10_000

/**
 * G11: where rows are replaced that a client asked to go on from, a reset says so and the application is told the reason;
 * and no client says that it is live while it hears nothing.
 */
export function neverSilent(facts: Facts, { silentMs }: Pick<Deadlines, 'silentMs'>): Checker {
  return checker('G11', (report) => {
    /** Page to its rooms that were reset, of which the application is to be told. */
    const owed = new WeakMap<object, Set<string>>()
    const owedBy = (client: string): Set<string> => {
      const page = facts.page(client)
      const rooms = owed.get(page) ?? new Set<string>()
      owed.set(page, rooms)
      return rooms
    }
    /** Rooms that are told live without a reason, which may come with what is told next. */
    let unexplained: { readonly client: string; readonly room: string } | undefined
    const explain = (): void => {
      if (unexplained === undefined) return
      const { client, room } = unexplained
      unexplained = undefined
      if (owedBy(client).delete(room)) report(`${client} was not told why its rows of ${room} were replaced`)
    }
    /** When each client that is live heard something last. */
    const heard = new Map<string, number>()
    /** When somebody's clock was changed last. */
    const jumped = new Map<string, number>()
    return {
      every(event) {
        const { at } = event
        const goesOn =
          (event.kind === 'told' || event.kind === 'operation') && event.client === unexplained?.client
        if (!goesOn) explain()
        for (const [client, since] of heard) {
          if (at - since <= silentMs) continue
          heard.delete(client)
          if (since - (jumped.get(client) ?? Number.NEGATIVE_INFINITY) < connectMs) continue
          const page = facts.page(client)
          const live = [...page.rooms.values()].some(
            ({ told, stream }) => told === 'live' && stream !== undefined,
          )
          if (page.open && page.connection === 'live' && live) {
            report(`${client} says that it is live, and has heard nothing for ${at - since} ms`)
          }
        }
      },
      page({ client }) {
        heard.delete(client)
      },
      fault({ at, fault, of }) {
        if (fault === 'clock') jumped.set(of, at)
        if (fault === 'sleep' || fault === 'clock') heard.delete(of)
      },
      heard({ at, client }) {
        if (heard.has(client)) heard.set(client, at)
      },
      position({ at, client, room, type }) {
        heard.set(client, at)
        const { stream } = facts.room(client, room)
        if (type === 'reset') owedBy(client).add(room)
        if (
          type === 'snapshot' &&
          stream !== undefined &&
          !stream.reset &&
          (stream.resumed || stream.phase === 'live')
        ) {
          report(`${client} is sent other rows of ${room} without a reset`)
        }
      },
      subscription({ at, client, room, what }) {
        if (what === 'granted') heard.set(client, at)
        else owedBy(client).delete(room)
      },
      told({ client, room, state, reason }) {
        if (room === undefined || state !== 'live') return
        if (reason !== undefined) owedBy(client).delete(room)
        else if (owedBy(client).has(room)) unexplained ??= { client, room }
      },
      end: explain,
    }
  })
}
