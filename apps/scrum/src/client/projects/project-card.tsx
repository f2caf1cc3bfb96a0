import { useCollection, useRow } from '@lockstep/client/react'
import type { ReactElement } from 'react'
import { figureText } from '../../model/board.ts'
import { useBoardChannel } from '../lockstep.ts'
import { Avatar } from '../shell/avatar.tsx'
import { ArrowIcon } from '../shell/icons.tsx'

/** One project with its live counts; they come by a channel of their own. */
export function ProjectCard({ projectId }: { projectId: number }): ReactElement {
  const summary = useBoardChannel(`summary/${projectId}`)
  const project = useRow(summary.projects, projectId)
  const counts = useRow(summary.counts, projectId)
  const members = useCollection(summary.members)
  return (
    <a className="project-card" href={`/projects/${projectId}`}>
      <h2>{project?.name ?? 'Loading …'}</h2>
      <p className="project-team">
        <span className="avatars">
          {members.map((member) => (
            <Avatar key={member.user_id} name={member.name} hue={member.hue} label />
          ))}
        </span>
      </p>
      {counts === undefined || counts.items === 0 ? (
        <p className="project-empty">The backlog is empty</p>
      ) : (
        <dl className="figures">
          <div>
            <dt>{counts.items === 1 ? 'Item' : 'Items'}</dt>
            <dd>{figureText(counts.items)}</dd>
          </div>
          <div>
            <dt>{counts.points === 1 ? 'Point' : 'Points'}</dt>
            <dd>{figureText(counts.points)}</dd>
          </div>
          <div>
            <dt>To estimate</dt>
            <dd>{figureText(counts.unestimated)}</dd>
          </div>
        </dl>
      )}
      <span className="project-go" aria-hidden="true">
        <ArrowIcon />
      </span>
    </a>
  )
}
