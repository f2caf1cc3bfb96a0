import type { Checker } from '../history/history.ts'
import type { Facts } from './facts.ts'
import { checker } from './rule.ts'

/** G3: a write is committed once however often it is sent, and an operation is heard once however often it is told. */
export function duplicates(facts: Facts): Checker {
  return checker('G3', (report) => {
    const commits = new Set<string>()
    const writes = new Map<string, string>()
    const requests = new Map<string, string>()
    const counters = new Map<string, number>()
    /** Page to room to the operations that it heard. */
    const heard = new WeakMap<object, Map<string, Set<number>>>()
    return {
      commit({ commit, write, request, counter, truncated }) {
        if (commits.has(commit)) throw new Error(`history: commit ${commit} is there twice`)
        commits.add(commit)
        if (write !== undefined) {
          const first = writes.get(write)
          if (first !== undefined) report(`write ${write} was committed twice, as ${first} and as ${commit}`)
          writes.set(write, commit)
        }
        if (request !== undefined) {
          const first = requests.get(request)
          if (first !== undefined)
            report(`request ${request} was committed twice, as ${first} and as ${commit}`)
          requests.set(request, commit)
        }
        if (truncated === 'counters') counters.clear()
        if (counter !== undefined) {
          const before = counters.get(counter.id) ?? 0
          if (counter.n !== before + 1) report(`counter ${counter.id} went from ${before} to ${counter.n}`)
          counters.set(counter.id, counter.n)
        }
      },
      operation({ client, room, n, session }) {
        const page = facts.page(client)
        const rooms = heard.get(page) ?? new Map<string, Set<number>>()
        heard.set(page, rooms)
        const numbers = rooms.get(room) ?? new Set<number>()
        rooms.set(room, numbers)
        if (numbers.has(n)) report(`${client} heard operation ${n} of ${room} twice`)
        numbers.add(n)
        const told = facts.ledger.room(room).operations.find((operation) => operation.n === n)
        if (told === undefined) report(`${client} heard operation ${n} of ${room}, which no commit told`)
        else if (
          told.session !== undefined &&
          (told.session === session || page.sessions.has(told.session))
        ) {
          report(`${client} heard its own operation ${n} of ${room}`)
        }
      },
    }
  })
}
