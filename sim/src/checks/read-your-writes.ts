import type { Checker } from '../history/history.ts'
import type { Facts, PageFacts } from './facts.ts'
import { checker } from './rule.ts'

/** Outcomes after which a write may have happened all the same. */
const uncertain = ['offline', 'closed', 'unavailable', 'internal', 'timeout', 'restarting', 'too_fast']

interface Suspect {
  readonly page: PageFacts
  readonly message: string
}

/**
 * G6: a client shows its write until it has come back, and where its promise says done, it has: what is shown has it, or
 * the room is not shown, or the connection has ended for good.
 */
export function readYourWrites(facts: Facts): Checker {
  return checker('G6', (report) => {
    /** What is wrong unless the write was refused, which a client shows before its promise says so. */
    const suspects = new Map<string, Suspect>()
    return {
      shown({ client, room, version, counters }) {
        const ledger = facts.ledger.room(room)
        const pending = [...facts.page(client).writes.values()].filter((write) => write.room === room)
        for (const counter of new Set(pending.map((write) => write.counter))) {
          const writes = pending.filter((write) => write.counter === counter)
          if (writes.some(({ n }) => n === undefined)) continue
          const n = counters[counter] ?? 0
          if (writes.some((write) => write.n === n)) continue
          const missing = writes.filter(({ write }) => {
            const committed = facts.ledger.writes.get(write)?.rooms[room]?.version
            return committed === undefined || committed > version
          })
          const confirmed = ledger.counterAt(counter, version)
          const last = missing.at(-1)
          if (last === undefined) {
            if (!confirmed.includes(n)) {
              report(`${client} shows ${counter} as ${n} instead of ${confirmed.join(' or ')}`, 'G3')
            }
          } else if (!suspects.has(last.write)) {
            const message = `${client} shows ${counter} as ${n}, without its own write ${last.write}, which has not come back`
            suspects.set(last.write, { page: facts.page(client), message })
          }
        }
      },
      written({ client, write, outcome, n }) {
        const suspect = suspects.get(write)
        suspects.delete(write)
        const page = facts.page(client)
        const begun = page.writes.get(write)
        const commit = facts.ledger.writes.get(write)
        if (outcome !== 'done') {
          if (commit !== undefined && !uncertain.includes(outcome)) {
            report(`${client} was told ${outcome} of write ${write}, which was committed as ${commit.commit}`)
          }
          return
        }
        if (suspect?.page === page) report(suspect.message)
        if (commit === undefined) {
          report(`${client} was told that write ${write} is done, and nothing was committed`)
          return
        }
        const { connection } = page
        if (begun === undefined || connection === 'refused' || connection === 'closed') return
        const { shown, stream, told } = facts.room(client, begun.room)
        // Of what a write without a picture of its own touches the client knows nothing: a room that is being filled
        // shows it when it is live (M7).
        const filling = told === 'subscribing' || (stream !== undefined && stream.phase !== 'live')
        if (begun.n === undefined && filling) return
        const committed = commit.rooms[begun.room]?.version
        if (shown === undefined || committed === undefined) return
        if (shown.version < committed) {
          report(
            `${client} was told that write ${write} is done, which made version ${committed} of ${begun.room}, ` +
              `and shows version ${shown.version}`,
          )
        }
        // A later write that is pending hides the counter behind what it made of it when it began.
        const hidden = [...page.writes.values()].some(
          (other) => other.write !== write && other.counter === begun.counter,
        )
        if (n === undefined || hidden || commit.counter === undefined) return
        const confirmed = facts.ledger.room(begun.room).counterAt(begun.counter, shown.version)
        if (n < commit.counter.n && !confirmed.includes(n)) {
          report(
            `${client} was told that write ${write} is done, and shows ${n} instead of ${commit.counter.n}`,
          )
        }
      },
      end() {
        // What was pending on a page that is gone owes nothing; nobody hears of it any more.
        for (const { page, message } of suspects.values()) {
          if (page.open && facts.page(page.client) === page) report(message)
        }
      },
    }
  })
}
