import type { Checker } from '../history/history.ts'
import type { Facts } from './facts.ts'
import { checker } from './rule.ts'

/**
 * G7: within an epoch a page's position in a room only rises: over connections, resets and restarts. What a snapshot and
 * what follows it say counts when the room is live with it.
 */
export function positions(facts: Facts): Checker {
  return checker('G7', (report) => {
    /** Page to room to the last position that was live. */
    const reached = new WeakMap<object, Map<string, { epoch: string; lsn: number }>>()
    return {
      position({ client, room, type, epoch, lsn }) {
        const { stream } = facts.room(client, room)
        if (stream === undefined || type === 'reset' || type === 'snapshot') return
        if (stream.epoch === epoch && (type === 'transaction' ? lsn <= stream.lsn : lsn < stream.lsn)) {
          report(`${client} is sent ${type} ${lsn} of ${room} after ${stream.lsn}`)
        }
        if (type === 'transaction' && stream.phase !== 'live') return
        const page = facts.page(client)
        const rooms = reached.get(page) ?? new Map<string, { epoch: string; lsn: number }>()
        reached.set(page, rooms)
        const before = rooms.get(room)
        if (before?.epoch === epoch && lsn < before.lsn) {
          report(`${client} was at ${before.lsn} of ${room}, and is sent ${type} ${lsn}`)
        }
        rooms.set(room, { epoch, lsn })
      },
    }
  })
}
