import { LockstepProvider } from '@lockstep/client/react'
import type { ReactElement } from 'react'
import type { Page } from '../model/page.ts'
import { BacklogPage } from './backlog/backlog-page.tsx'
import { ImpedimentsPage } from './impediments/impediments-page.tsx'
import type { BoardClient } from './lockstep.ts'
import { PlanningPage } from './planning/planning-page.tsx'
import { ProblemPage } from './problem/problem-page.tsx'
import { ProjectsPage } from './projects/projects-page.tsx'
import { SignInPage } from './sign-in/sign-in-page.tsx'
import { SprintPage } from './sprint/sprint-page.tsx'

/** One page of the board; `client` is there where the page has rows. */
export function App({ page, client }: { page: Page; client: BoardClient | undefined }): ReactElement | null {
  if (page.kind === 'sign-in') return <SignInPage page={page} />
  if (page.kind === 'problem') return <ProblemPage page={page} />
  if (client === undefined) return null
  return (
    <LockstepProvider client={client}>
      <LivePage page={page} />
    </LockstepProvider>
  )
}

function LivePage({ page }: { page: Exclude<Page, { kind: 'sign-in' | 'problem' }> }): ReactElement {
  switch (page.kind) {
    case 'projects':
      return <ProjectsPage page={page} />
    case 'backlog':
      return <BacklogPage page={page} />
    case 'planning':
      return <PlanningPage page={page} />
    case 'sprint':
      return <SprintPage page={page} />
    case 'impediments':
      return <ImpedimentsPage page={page} />
  }
}
