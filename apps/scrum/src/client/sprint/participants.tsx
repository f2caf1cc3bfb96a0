import type { ReactElement } from 'react'
import { Avatar } from '../shell/avatar.tsx'
import type { Work } from './work.ts'

/** Who works in the sprint: whoever has a task in it. */
export function Participants({ work }: { work: Work }): ReactElement {
  const loads = work.loads.filter(({ member }) => member !== undefined)
  return (
    <section aria-label="Participants">
      <h2>Participants</h2>
      {loads.length === 0 ? (
        <p className="hint">Nobody has a task yet.</p>
      ) : (
        <ul className="participants">
          {loads.map(({ member, tasks, tasksDone }) => (
            <li key={member?.user_id}>
              <Avatar name={member?.name ?? ''} hue={member?.hue ?? 0} />
              {member?.name}
              <span className="hint">
                {tasksDone} of {tasks} done
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
