import { LockstepProvider } from '@lockstep/client/react'
import type { ReactElement } from 'react'
import type { Page } from '../model/page.ts'
import { BacklogPage } from './backlog/backlog-page.tsx'
import type { BoardClient } from './lockstep.ts'
import { ProblemPage } from './problem/problem-page.tsx'
import { ProjectsPage } from './projects/projects-page.tsx'
import { SignInPage } from './sign-in/sign-in-page.tsx'

/** One page of the board; `client` is there where the page has rows. */
export function App({ page, client }: { page: Page; client: BoardClient | undefined }): ReactElement | null {
  if (page.kind === 'sign-in') return <SignInPage page={page} />
  if (page.kind === 'problem') return <ProblemPage page={page} />
  if (client === undefined) return null
  return (
    <LockstepProvider client={client}>
      {page.kind === 'projects' ? <ProjectsPage page={page} /> : <BacklogPage page={page} />}
    </LockstepProvider>
  )
}
