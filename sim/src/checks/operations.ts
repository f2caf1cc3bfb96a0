import type { Checker } from '../history/history.ts'
import type { Facts } from './facts.ts'
import { checker } from './rule.ts'

interface Hearing {
  /** Whoever begins with rows of a snapshot need not have heard what came before this version. */
  from: number | undefined
  /** A snapshot has come, which is not seen yet. */
  snapshot: boolean
  /** How many of the room's operations are heard or not owed. */
  next: number
}

/** G11: a client hears every operation of others, unless it was told that its rows were begun anew. */
export function operations(facts: Facts): Checker {
  return checker('G11', (report) => {
    const pages = new WeakMap<object, Map<string, Hearing>>()
    const hearingOf = (client: string, room: string): Hearing => {
      const page = facts.page(client)
      const rooms = pages.get(page) ?? new Map<string, Hearing>()
      pages.set(page, rooms)
      const hearing = rooms.get(room) ?? { from: undefined, snapshot: false, next: 0 }
      rooms.set(room, hearing)
      return hearing
    }
    /** Everything up to this version must have been heard, or up to the operation with this number. */
    const expect = (
      client: string,
      room: string,
      until: { readonly version?: number; readonly n?: number },
    ): void => {
      const hearing = hearingOf(client, room)
      const { sessions } = facts.page(client)
      const told = facts.ledger.room(room).operations
      for (let next = told[hearing.next]; next !== undefined; next = told[hearing.next]) {
        if (until.n !== undefined ? next.n >= until.n : next.version > (until.version ?? 0)) return
        hearing.next++
        const own = next.session !== undefined && sessions.has(next.session)
        if (own || hearing.from === undefined || next.version <= hearing.from) continue
        report(`${client} did not hear operation ${next.n} of ${room}, and was not told of a reset`)
      }
    }
    return {
      shown({ client, room, version }) {
        const hearing = hearingOf(client, room)
        const before = facts.room(client, room).shown
        if (before !== undefined) expect(client, room, { version: before.version })
        // Pending writes are shown anew while a snapshot is still held back.
        if (before !== undefined && (!hearing.snapshot || before.version === version)) return
        hearing.snapshot = false
        hearing.from = version
      },
      operation({ client, room, n }) {
        expect(client, room, { n })
        const hearing = hearingOf(client, room)
        if (facts.ledger.room(room).operations[hearing.next]?.n === n) hearing.next++
      },
      position({ client, room, type }) {
        if (type === 'snapshot') hearingOf(client, room).snapshot = true
      },
      subscription({ client, room, what }) {
        // A snapshot that was not seen is lost with its subscription, and the old rows go on.
        if (what !== 'granted') hearingOf(client, room).snapshot = false
      },
      cleared({ client, room }) {
        const { shown } = facts.room(client, room)
        if (shown !== undefined) expect(client, room, { version: shown.version })
        pages.get(facts.page(client))?.delete(room)
      },
      told({ client, room, state }) {
        if (room === undefined || state !== 'live') return
        // A snapshot that changed nothing is not shown anew.
        const hearing = hearingOf(client, room)
        const { shown } = facts.room(client, room)
        if (!hearing.snapshot || shown === undefined) return
        hearing.snapshot = false
        hearing.from = shown.version
      },
      final({ client, room, state, version }) {
        if (state === 'live' && version !== undefined) expect(client, room, { version })
      },
    }
  })
}
