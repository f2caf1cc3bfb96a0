import type { Checker } from '../history/history.ts'
import type { Facts } from './facts.ts'
import { checker, difference } from './rule.ts'

/** States of a room that are an end: the application wanted it so. */
const left = ['idle', 'closed']

/** G1: when all is quiet, every client shows what was committed, unless it may not, and no write is pending. */
export function convergence(facts: Facts): Checker {
  return checker('G1', (report) => ({
    final({ client, room, state, version, accounts = {}, counters = {}, pendingWrites }) {
      const ledger = facts.ledger.room(room)
      const { user } = facts.page(client)
      if (pendingWrites > 0) report(`${client} has ${pendingWrites} writes pending in the end`)
      if (left.includes(state)) return
      const refused = state === 'revoked' || state === 'refused'
      if (refused && facts.audience(user, room) === false) return
      if (state !== 'live') {
        report(`${client} is ${state} in ${room} in the end, which ${user} may see`)
        return
      }
      if (version !== ledger.version) {
        report(`${client} shows version ${version} of ${room} in the end instead of ${ledger.version}`)
      }
      const wrong = difference(accounts, ledger.accountsAt(ledger.version))
      if (wrong !== undefined) report(`${client} shows ${room} in the end, but of its accounts ${wrong}`)
      for (const id of new Set([...Object.keys(counters), ...ledger.counters.keys()])) {
        const n = ledger.counters.get(id) ?? 0
        if ((counters[id] ?? 0) !== n)
          report(`${client} shows counter ${id} as ${counters[id]} in the end instead of ${n}`)
      }
    },
  }))
}
