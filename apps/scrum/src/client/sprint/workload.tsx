import type { ReactElement } from 'react'
import { figureText } from '../../model/board.ts'
import type { Work } from './work.ts'

/** Hours left of each person, as bars. */
export function Workload({ work }: { work: Work }): ReactElement {
  const most = Math.max(...work.loads.map(({ hours }) => hours), 1)
  return (
    <figure className="chart">
      <figcaption>
        <h2>Workload</h2>
        <p className="hint">hours left per person</p>
      </figcaption>
      {work.loads.length === 0 ? (
        <p className="hint">No tasks yet.</p>
      ) : (
        <ul className="workload">
          {work.loads.map(({ member, hours }) => (
            <li key={member?.user_id ?? 'nobody'}>
              <span>{member?.name ?? 'Nobody'}</span>
              <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                <rect
                  className={`load ${member === undefined ? 'load-nobody' : `hue-${member.hue}`}`}
                  width={Math.max((hours / most) * 100, 1)}
                  height="10"
                  rx="1"
                />
              </svg>
              <span className="load-hours">{figureText(hours)} h</span>
            </li>
          ))}
        </ul>
      )}
    </figure>
  )
}
