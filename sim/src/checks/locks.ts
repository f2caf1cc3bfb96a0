import type { Checker } from '../history/history.ts'
import type { Deadlines } from './checks.ts'
import type { Facts } from './facts.ts'
import { checker, difference } from './rule.ts'

interface Resource {
  /** Highest token so far. */
  token: number
  holder: string | undefined
}

/**
 * G8: in the servers' order a resource has one holder at a time and its tokens rise; a client holds what it was given;
 * it does not lose that while it is connected, has not let it go, and no lease ends; what a page that is gone held is
 * free in time; and in the end everybody shows what there is.
 */
export function locks(facts: Facts, { releaseMs }: Pick<Deadlines, 'releaseMs'>): Checker {
  return checker('G8', (report) => {
    const resources = new Map<string, Resource>()
    /** Session and token of each grant. */
    const granted = new Set<string>()
    /** Sessions whose page was closed, and when their locks are due. */
    const gone = new Map<string, number>()
    let clockMoved = false
    /** The process of now has given a lock. */
    let given = false
    return {
      every({ at }) {
        for (const [session, due] of gone) {
          if (at <= due) continue
          gone.delete(session)
          for (const [name, { holder }] of resources) {
            if (holder === session)
              report(`${name} is held by ${session} ${at - due + releaseMs} ms after its page was closed`)
          }
        }
      },
      lock({ what, room, resource, session, token, lost }) {
        const name = `${room}/${resource}`
        const known = resources.get(name) ?? { token: 0, holder: undefined }
        resources.set(name, known)
        const grant = JSON.stringify([name, session, token])
        if (what === 'granted') {
          given = true
          const renewed = known.holder === session && known.token === token
          if (known.holder !== undefined && known.holder !== session) {
            report(`${name} was given to ${session} while ${known.holder} held it`)
          } else if (!renewed && token <= known.token) {
            report(`${name} was given to ${session} with token ${token} after ${known.token}`)
          }
          known.holder = session
          known.token = Math.max(known.token, token)
          granted.add(grant)
        } else if (what === 'held') {
          if (!granted.has(grant))
            report(`${session} was told that it holds ${name} with token ${token}, which nobody gave it`)
        } else if (what === 'let-go') {
          const page = [...facts.pages.values()].find((other) => other.sessions.has(session))
          const isConnected = page?.rooms.get(room)?.stream?.phase === 'live'
          if (lost === true && isConnected) report(`${session} lost ${name}, which it had not let go`)
        } else if (what === 'freed') {
          if (known.holder !== undefined && known.holder !== session) {
            report(`${name} was freed for ${session} while ${known.holder} held it`)
          }
          known.holder = undefined
        }
      },
      page({ at, what, session }) {
        if (what === 'closed') gone.set(session, at + releaseMs)
      },
      fault({ at, fault }) {
        if (fault === 'clock') {
          clockMoved = true
          // A process that has given no lock yet knows no token.
          if (!given) for (const resource of resources.values()) resource.token = 0
        }
        if (fault === 'crash' || fault === 'restart') {
          given = false
          // They were in the memory of the process.
          for (const resource of resources.values()) {
            resource.holder = undefined
            if (clockMoved) resource.token = 0
          }
        }
        if (fault === 'crash' || fault === 'stall')
          for (const session of gone.keys()) gone.set(session, at + releaseMs)
      },
      final({ client, room, state, locks: { shown, held }, presence }) {
        for (const [resource, session] of Object.entries(held)) {
          if (!presence.there.includes(session))
            report(`${room}/${resource} is held by ${session}, which is not there`)
        }
        if (state !== 'live') return
        const wrong = difference(shown, new Map(Object.entries(held)))
        if (wrong !== undefined) report(`${client} shows locks of ${room}, but ${wrong}`)
      },
    }
  })
}
