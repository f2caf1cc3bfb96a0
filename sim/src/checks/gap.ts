import type { Checker } from '../history/history.ts'
import type { Facts } from './facts.ts'
import { checker, difference } from './rule.ts'

/**
 * G2: what a client shows of a room at a version is exactly what the commits up to it made, so no commit is missing
 * before one that is shown; and a server never sends over a hole.
 */
export function gap(facts: Facts): Checker {
  return checker('G2', (report) => ({
    shown(event) {
      const { client, room, version } = event
      const ledger = facts.ledger.room(room)
      if (version > ledger.version) {
        report(`${client} shows version ${version} of ${room}, which was not committed`)
        return
      }
      const wrong = difference(event.accounts, ledger.accountsAt(version))
      if (wrong !== undefined)
        report(`${client} shows ${room} at version ${version}, but of its accounts ${wrong}`)
      if (!ledger.entriesAt(version).some((entries) => same(entries, event.entries))) {
        report(
          `${client} shows ${room} at version ${version}, but its entries are ${event.entries.join(' ') || 'none'} ` +
            `instead of ${ledger.entriesAt(version)[0]?.join(' ')}`,
        )
      }
      const { writes, lingering } = facts.page(client)
      const pending = [...writes.values()]
      for (const id of new Set([...Object.keys(event.counters), ...ledger.counters.keys()])) {
        // What is over the confirmed rows is G6's.
        if (pending.some((write) => write.room === room && write.counter === id)) continue
        const n = event.counters[id] ?? 0
        const allowed = ledger.counterAt(id, version)
        if (allowed.includes(n)) lingering.delete(id)
        else if (lingering.has(id)) continue
        if (allowed.includes(n)) continue
        report(
          `${client} shows ${room} at version ${version}, but counter ${id} is ${n} instead of ${allowed.join(' or ')}`,
        )
      }
    },
    position({ client, room, type, epoch, lsn, prev = 0 }) {
      const { stream } = facts.room(client, room)
      if (type !== 'transaction' || stream === undefined) return
      if (stream.epoch === undefined)
        report(`${client} is sent a transaction of ${room} without rows before it`)
      else if (stream.epoch !== epoch) {
        report(`${client} is sent a transaction of ${room} in another epoch without a reset`)
      } else if (prev > stream.lsn) {
        report(`${client} is sent ${lsn} of ${room} after ${prev}, which it has not: it is at ${stream.lsn}`)
      }
    },
  }))
}

function same(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((value, i) => value === right[i])
}
