import type { ReactElement } from 'react'
import { type ProjectPage, projectPageTitles } from '../../model/page.ts'

const paths: Readonly<Record<ProjectPage['kind'], string>> = {
  backlog: '',
  planning: '/planning',
  sprint: '/sprint',
  impediments: '/impediments',
}

/** The pages of a project. */
export function ProjectTabs({
  projectId,
  kind,
}: {
  projectId: number
  kind: ProjectPage['kind']
}): ReactElement {
  // In the order of the table above.
  const kinds = Object.keys(paths) as ProjectPage['kind'][]
  return (
    <nav className="tabs" aria-label="Pages of the project">
      <ul>
        {kinds.map((other) => (
          <li key={other}>
            <a
              href={`/projects/${projectId}${paths[other]}`}
              aria-current={other === kind ? 'page' : undefined}
            >
              {projectPageTitles[other]}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}
