import type { Checker } from '../history/history.ts'
import type { Facts } from './facts.ts'
import { checker } from './rule.ts'

/** G9: what leaves a server was allowed to leave it then, and no guest has ever seen what is for members. */
export function isolation(facts: Facts): Checker {
  return checker('G9', (report) => ({
    sent({ user, session, room, withMemo }) {
      const owner = facts.users.get(session)
      if (owner !== undefined && owner !== user)
        report(`content for ${user} went to ${session}, which is of ${owner}`)
      const inForce = facts.inForce(user, room)
      if (inForce.every((audience) => audience === false)) {
        report(`content of ${room} left a server for ${user}, who may not see it`)
      } else if (withMemo && !inForce.includes('member')) {
        report(`memos of ${room} left a server for ${user}, who is a guest`)
      }
    },
    shown({ client, room, accounts, memos }) {
      if (memos.length === 0) return
      if (memos.length !== Object.keys(accounts).length) {
        report(`${client} shows memos of some accounts of ${room} only`)
      }
      if (!facts.everMember(facts.page(client).user, room))
        report(`${client} shows memos of ${room}, and was never a member`)
      const foreign = memos.find((memo) => !memo.startsWith(`secret-${room}-`))
      if (foreign !== undefined) report(`${client} shows a memo in ${room} that is none of its: ${foreign}`)
    },
    told({ client, room, state }) {
      if (room === undefined || (state !== 'revoked' && state !== 'refused')) return
      if (facts.room(client, room).shown !== undefined)
        report(`${client} is ${state} in ${room}, and shows it still`)
    },
    final({ client, room, state }) {
      const { user } = facts.page(client)
      if (state === 'live' && facts.audience(user, room) === false) {
        report(`${client} is live in ${room} in the end, which ${user} may not see`)
      }
    },
  }))
}
