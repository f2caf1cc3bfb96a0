import type { Checker } from '../history/history.ts'
import type { Facts } from './facts.ts'
import { checker } from './rule.ts'

/** G4: what a client shows of a room only goes forward, and so do the operations that it hears, with their rows. */
export function order(facts: Facts): Checker {
  return checker('G4', (report) => {
    const last = new WeakMap<object, Map<string, number>>()
    return {
      shown({ client, room, version }) {
        const before = facts.room(client, room).shown
        if (before !== undefined && version < before.version) {
          report(`${client} goes from version ${before.version} of ${room} back to ${version}`)
        }
      },
      operation({ client, room, n }) {
        const page = facts.page(client)
        const rooms = last.get(page) ?? new Map<string, number>()
        last.set(page, rooms)
        const before = rooms.get(room)
        if (before !== undefined && n < before)
          report(`${client} heard operation ${n} of ${room} after ${before}`)
        rooms.set(room, Math.max(n, before ?? n))
        const { shown } = facts.room(client, room)
        const told = facts.ledger.room(room).operations.find((operation) => operation.n === n)
        if (told !== undefined && shown !== undefined && shown.version < told.version) {
          report(
            `${client} heard operation ${n} of ${room} before its rows: it shows ${shown.version} of ${told.version}`,
          )
        }
      },
    }
  })
}
