import type { Json } from '@lockstep/protocol'
import type { Member, Viewer } from '../../model/board.ts'
import { membersById } from '../rows.ts'

/** Whose lock or question it is, as the server's `showUser` tells it; undefined: not of the team any more. */
export function memberBehind(by: Json, members: readonly Member[]): Member | undefined {
  const userId: unknown = Object(by).user_id
  return typeof userId === 'number' ? membersById(members).get(userId) : undefined
}

/** Begins a sentence: `Olivia`, or `You, in another window,`. */
export function nameOf(member: Member | undefined, viewer: Viewer): string {
  if (member === undefined) return 'Someone'
  return member.user_id === viewer.id ? 'You, in another window,' : member.name
}
