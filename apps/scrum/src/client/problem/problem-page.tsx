import type { ReactElement } from 'react'
import type { Page } from '../../model/page.ts'
import { TopBar } from '../shell/top-bar.tsx'

export function ProblemPage({ page }: { page: Extract<Page, { kind: 'problem' }> }): ReactElement {
  return (
    <>
      <TopBar theme={page.theme} />
      <main id="main" className="page problem" tabIndex={-1}>
        <h1>{page.title}</h1>
        <p>{page.text}</p>
        <a className="button" href="/">
          Go to your projects
        </a>
      </main>
    </>
  )
}
