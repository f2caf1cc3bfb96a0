import type { Checker } from '../history/history.ts'
import type { Deadlines } from './checks.ts'
import { checker } from './rule.ts'

/** G10: who is gone for longer than the bound is not shown anew, and in the end all show who is there. */
export function presence({ ghostMs }: Pick<Deadlines, 'ghostMs'>): Checker {
  return checker('G10', (report) => {
    /** Sessions whose page was closed, and from when on nobody shows them. */
    const gone = new Map<string, number>()
    return {
      page({ at, what, session }) {
        if (what === 'closed') gone.set(session, at + ghostMs)
      },
      fault({ at, fault }) {
        // What is on its way or waits in a process that stands still arrives after it.
        if (fault !== 'stall' && fault !== 'half-open' && fault !== 'sleep') return
        for (const session of gone.keys()) gone.set(session, at + ghostMs)
      },
      presence({ at, client, room, sessions }) {
        for (const session of sessions) {
          const since = gone.get(session)
          if (since !== undefined && at > since)
            report(`${client} shows ${session} in ${room}, whose page was closed long ago`)
        }
      },
      final({ client, room, state, presence: { shown, there } }) {
        if (state !== 'live') return
        const ghosts = shown.filter((session) => !there.includes(session))
        const unseen = there.filter((session) => !shown.includes(session))
        if (ghosts.length > 0) report(`${client} shows ${ghosts.join(', ')} in ${room}, who are not there`)
        if (unseen.length > 0)
          report(`${client} does not show ${unseen.join(', ')} in ${room}, who are there`)
        if (new Set(shown).size < shown.length) report(`${client} shows somebody twice in ${room}`)
      },
    }
  })
}
