import type { LockQuestion } from '@lockstep/client/locks'
import { useChannelStatus, useClient, useRow } from '@lockstep/client/react'
import { type ReactElement, type ReactNode, useEffect, useState } from 'react'
import { type ProjectPage, projectPageTitles } from '../../model/page.ts'
import { type ProjectChannel, useBoardChannel } from '../lockstep.ts'
import { Announcer, useAnnounce } from '../shell/announcer.tsx'
import { ConnectionBanner, ConnectionPill } from '../shell/connection.tsx'
import { ProjectTabs } from '../shell/project-tabs.tsx'
import { ToastProvider, useToasts } from '../shell/toasts.tsx'
import { TopBar } from '../shell/top-bar.tsx'
import { Actions } from './actions.ts'
import { Asks } from './asks.ts'
import { Authors } from './authors.ts'
import { BoardContext, type BoardParts } from './board-context.tsx'
import { Claims } from './claims.ts'
import { Doing } from './doing.ts'
import { Drafts } from './drafts.ts'
import { Highlights } from './highlights.ts'
import { Keyed } from './keyed.ts'
import { News } from './news.ts'
import { Pending } from './pending.ts'
import { memberBehind, nameOf } from './people.ts'
import { Questions } from './questions.ts'
import { watchResets } from './resets.ts'
import { rowName } from './row-name.ts'
import { UndoStack } from './undo.ts'
import { UndoButton } from './undo-button.tsx'
import { WhoIsHere } from './who-is-here.tsx'

interface FrameProps {
  readonly page: ProjectPage
  readonly children: ReactNode
}

/** What all pages of a project stand in: bar, tabs, connection, messages, and the parts they share. */
export function ProjectFrame(props: FrameProps): ReactElement {
  return (
    <Announcer>
      <ToastProvider>
        <Frame {...props} />
      </ToastProvider>
    </Announcer>
  )
}

function Frame({ page, children }: FrameProps): ReactElement {
  const { projectId, viewer, theme, kind } = page
  const channel = useBoardChannel(`project/${projectId}`)
  const parts = useBoardParts(channel, page)
  const project = useRow(channel.projects, projectId)
  const status = useChannelStatus(channel)
  const name = project?.name ?? 'Project'
  useEffect(() => {
    document.title = `${projectPageTitles[kind]} · ${name}`
  }, [kind, name])

  if (status.state === 'revoked' || status.state === 'refused') return <Gone page={page} />
  return (
    <BoardContext value={parts}>
      <TopBar theme={theme} viewer={viewer} place={name}>
        <WhoIsHere kind={kind} />
        <UndoButton />
        <ConnectionPill />
      </TopBar>
      <ConnectionBanner />
      <ProjectTabs projectId={projectId} kind={kind} />
      <main id="main" className="page" tabIndex={-1}>
        {children}
      </main>
    </BoardContext>
  )
}

/** The project was taken away while one looked at it: its rows are gone from the page already. */
function Gone({ page }: Pick<FrameProps, 'page'>): ReactElement {
  return (
    <>
      <TopBar theme={page.theme} viewer={page.viewer} />
      <main id="main" className="page problem" tabIndex={-1}>
        <h1>This project is no longer open to you</h1>
        <p role="alert">You were taken off the project’s team, or the project was deleted.</p>
        <a className="button" href="/">
          Go to your projects
        </a>
      </main>
    </>
  )
}

/** What lives as long as the page, and what it hears of others. */
function useBoardParts(project: ProjectChannel, page: ProjectPage): BoardParts {
  const client = useClient()
  const toasts = useToasts()
  const announce = useAnnounce()
  const { projectId, viewer, today } = page
  const [parts] = useState((): BoardParts => {
    const pending = new Pending()
    const questions: Questions = new Questions((resource, question) => {
      const who = nameOf(memberBehind(question.by, project.members.all()), viewer)
      const text = `${who} would like to edit “${rowName(project, resource)}”`
      // A long list has only what is near the window in the page: there is no other place to answer then.
      const isShown = document.querySelector(`[data-row="${CSS.escape(resource)}"]`) !== null
      if (isShown) announce(`${text}. You can let go, or keep it.`)
      else
        toasts.add({
          kind: 'problem',
          text,
          action: { label: 'Let go', run: () => give(resource, question) },
        })
    })
    const give = (resource: string, question: LockQuestion): void => {
      claims.yield(resource, question)
      drafts.finishAll(resource)
    }
    const claims = new Claims(pending, questions)
    const asks = new Asks(claims)
    const drafts = new Drafts(claims, asks)
    const undo = new UndoStack()
    const doing = new Doing({ project, projectId, viewer, pending, drafts, toasts, undo, announce })
    return {
      project,
      projectId,
      viewer,
      today,
      doing,
      undo,
      actions: new Actions(doing),
      asks,
      claims,
      questions,
      drafts,
      pending,
      authors: new Authors(),
      highlights: new Highlights(),
      news: new News(),
      open: new Keyed<true>(),
      focus: { key: undefined },
    }
  })
  useEffect(() => {
    const stopClaims = parts.claims.watch(client, project.name)
    const stopLights = parts.highlights.watch(project)
    const stopResets = watchResets(project, (text) => toasts.add({ kind: 'done', text }))
    const stopAuthors = parts.authors.watch(project)
    const stopNews = parts.news.watch(project, ({ text }) => toasts.add({ kind: 'notice', text }))
    return () => {
      stopNews()
      stopResets()
      stopAuthors()
      stopLights()
      stopClaims()
    }
  }, [client, project, parts, toasts])
  return parts
}
