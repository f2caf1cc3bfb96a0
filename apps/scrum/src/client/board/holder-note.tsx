import type { ShownLock } from '@lockstep/client/locks'
import { useCollection } from '@lockstep/client/react'
import type { ReactElement } from 'react'
import { useAnnounce } from '../shell/announcer.tsx'
import { Avatar } from '../shell/avatar.tsx'
import type { Asked } from './asks.ts'
import { useBoard } from './board-context.tsx'
import { useKeyed } from './keyed.ts'
import { memberBehind } from './people.ts'

interface HolderNoteProps {
  readonly resource: string
  /** What the row is called where it is spoken of. */
  readonly name: string
  /** Opens the row's first text. */
  readonly edit: () => void
}

/** Who else is working on a row, `items/17`, while they are; and a way to ask them for it. */
export function HolderNote(props: HolderNoteProps): ReactElement | null {
  const { asks, claims } = useBoard()
  const lock = useKeyed(claims, props.resource)
  const asked = useKeyed(asks, props.resource)
  if (lock === undefined && asked !== 'asked' && asked !== 'given') return null
  return <Holder {...props} lock={lock} asked={asked} />
}

interface HolderProps extends HolderNoteProps {
  readonly lock: ShownLock | undefined
  readonly asked: Asked | undefined
}

function Holder({ resource, name, edit, lock, asked }: HolderProps): ReactElement {
  const { asks, project, viewer } = useBoard()
  const announce = useAnnounce()
  const member = memberBehind(lock?.by ?? null, useCollection(project.members))
  const isOwn = member?.user_id === viewer.id
  const who = member?.name ?? 'Someone'
  const doing = lock?.doing === 'moving' ? 'moving' : 'editing'
  const ask = async (): Promise<void> => {
    announce(`Asked ${who} to let you have “${name}”.`)
    const answer = await asks.ask(resource)
    if (answer === 'given') announce(`“${name}” is yours now.`)
    else if (answer === 'kept') announce(`${who} keeps “${name}” for now.`)
    else if (answer === 'silent') announce(`${who} has not answered about “${name}”.`)
  }
  const label =
    asked === 'given' ? 'Edit' : asked === 'asked' ? 'Never mind' : asked ? 'Ask again' : 'Ask for it'
  const more = { asked: 'You asked for it.', kept: 'Not just now.', silent: 'No answer.', given: '' }
  // A drag is over before anybody could answer.
  const isOffered = asked !== undefined || (doing === 'editing' && !isOwn)
  return (
    <div className={`holder${asked === 'given' ? ' holder-given' : ''}`}>
      <p>
        {lock !== undefined && <Avatar name={member?.name ?? '?'} hue={member?.hue ?? 0} />}
        <span className="holder-words">
          {lock !== undefined && (
            <span>
              {isOwn ? `You are currently ${doing} this in another window` : `${who} is currently ${doing}`}
            </span>
          )}
          {asked === 'given' && <span>It is yours now</span>}
          {asked !== undefined && more[asked] !== '' && <span className="holder-more">{more[asked]}</span>}
        </span>
      </p>
      {isOffered && (
        // One button for all of it: the focus stays where it was while the note changes around it.
        <button
          type="button"
          className="holder-button"
          aria-label={`${label}: ${name}`}
          onClick={asked === 'given' ? edit : asked === 'asked' ? () => asks.end(resource) : () => void ask()}
        >
          {label}
        </button>
      )}
      {asked === 'given' && (
        <button
          type="button"
          className="holder-button"
          aria-label={`Let go: ${name}`}
          onClick={() => asks.end(resource)}
        >
          Let go
        </button>
      )}
    </div>
  )
}
