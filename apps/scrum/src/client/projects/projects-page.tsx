import { useClient, useCollection } from '@lockstep/client/react'
import { type FormEvent, type ReactElement, useId, useState } from 'react'
import { type Member, projectNameLengthMax } from '../../model/board.ts'
import type { Page } from '../../model/page.ts'
import { useBoardChannel } from '../lockstep.ts'
import { Announcer } from '../shell/announcer.tsx'
import { ConnectionBanner, ConnectionPill } from '../shell/connection.tsx'
import { PlusIcon } from '../shell/icons.tsx'
import { ToastProvider, useToasts } from '../shell/toasts.tsx'
import { TopBar } from '../shell/top-bar.tsx'
import { reasonOf } from '../write-reason.ts'
import { ProjectCard } from './project-card.tsx'

const projectsOf = {
  select: (members: readonly Member[]): readonly number[] =>
    members.map((member) => member.project_id).sort((a, b) => a - b),
}

export function ProjectsPage({ page }: { page: Extract<Page, { kind: 'projects' }> }): ReactElement {
  const { theme, viewer } = page
  // The page's own channel: a project that one is let into appears by itself.
  const channel = `user/${viewer.id}`
  const projectIds = useCollection(useBoardChannel(channel).members, projectsOf)
  return (
    <Announcer>
      <ToastProvider>
        <TopBar theme={theme} viewer={viewer}>
          <ConnectionPill />
        </TopBar>
        <ConnectionBanner />
        <main id="main" className="page projects" tabIndex={-1}>
          <header className="page-head">
            <div>
              <h1>Projects</h1>
              <p>
                {projectIds.length === 0
                  ? 'You are in no project yet.'
                  : `You work on ${projectIds.length === 1 ? 'one project' : `${projectIds.length} projects`}.`}
              </p>
            </div>
            <NewProject channel={channel} />
          </header>
          {projectIds.length === 0 ? (
            <div className="empty">
              <h2>Nothing to work on yet</h2>
              <p>
                Make a project above, or ask a colleague to let you into theirs: it will show up here at once.
              </p>
            </div>
          ) : (
            <ul className="project-list">
              {projectIds.map((projectId) => (
                <li key={projectId}>
                  <ProjectCard projectId={projectId} />
                </li>
              ))}
            </ul>
          )}
        </main>
      </ToastProvider>
    </Announcer>
  )
}

function NewProject({ channel }: { channel: string }): ReactElement {
  const client = useClient()
  const [name, setName] = useState('')
  const [busy, setBusy] = useState(false)
  const toasts = useToasts()
  const fieldId = useId()
  const create = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (name.trim() === '' || busy) return
    setBusy(true)
    try {
      await client.channel(channel, { subscribe: false }).write({ url: '/api/projects', body: { name } })
      setName('')
    } catch (error) {
      toasts.add({ kind: 'problem', text: `The project was not made: ${reasonOf(error)}` })
    } finally {
      setBusy(false)
    }
  }
  return (
    <form className="new-project" onSubmit={create}>
      <label className="unseen" htmlFor={fieldId}>
        Name of a new project
      </label>
      <input
        id={fieldId}
        className="field"
        placeholder="New project"
        value={name}
        maxLength={projectNameLengthMax}
        onChange={(event) => setName(event.target.value)}
      />
      <button type="submit" className="button" disabled={busy}>
        <PlusIcon /> Create
      </button>
    </form>
  )
}
