import type { ShownLock } from '@lockstep/client/locks'
import { useCollection } from '@lockstep/client/react'
import type { ReactElement } from 'react'
import { membersById } from '../rows.ts'
import { Avatar } from '../shell/avatar.tsx'
import { useBoard } from './board-context.tsx'
import { useKeyed } from './keyed.ts'

const byId = { select: membersById }

/** Who else is working on a row, `items/17`, while they are. */
export function HolderNote({ resource }: { resource: string }): ReactElement | null {
  const { claims } = useBoard()
  const lock = useKeyed(claims, resource)
  return lock === undefined ? null : <Holder lock={lock} />
}

function Holder({ lock }: { lock: ShownLock }): ReactElement {
  const { project, viewer } = useBoard()
  const members = useCollection(project.members, byId)
  // As the server's `showUser` tells it.
  const userId: unknown = Object(lock.by).user_id
  const member = typeof userId === 'number' ? members.get(userId) : undefined
  const doing = lock.doing === 'moving' ? 'moving' : 'editing'
  const words =
    userId === viewer.id
      ? `You are currently ${doing} this in another window`
      : `${member?.name ?? 'Someone'} is currently ${doing}`
  return (
    <p className="holder">
      <Avatar name={member?.name ?? '?'} hue={member?.hue ?? 0} />
      <span>{words}</span>
    </p>
  )
}
