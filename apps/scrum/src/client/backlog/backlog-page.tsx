import { useChannelStatus, useCollection, useRow } from '@lockstep/client/react'
import { type ReactElement, useEffect, useState } from 'react'
import { figureText, type Member } from '../../model/board.ts'
import type { Page } from '../../model/page.ts'
import { type ProjectChannel, useBoardChannel } from '../lockstep.ts'
import { byItem, inOrder } from '../rows.ts'
import { Announcer, useAnnounce } from '../shell/announcer.tsx'
import { ConnectionBanner, ConnectionPill } from '../shell/connection.tsx'
import { ToastProvider, useToasts } from '../shell/toasts.tsx'
import { TopBar } from '../shell/top-bar.tsx'
import { Actions } from './actions.ts'
import { Authors } from './authors.ts'
import { BacklogList } from './backlog-list.tsx'
import { BoardContext, type BoardParts } from './board-context.tsx'
import { Composer } from './composer.tsx'
import { Drafts } from './drafts.ts'
import { Highlights } from './highlights.ts'
import { Keyed } from './keyed.ts'
import { News } from './news.ts'
import { Pending } from './pending.ts'
import { useRescue } from './rescue.ts'
import { watchResets } from './resets.ts'
import { figuresOf, Summary } from './summary.tsx'

interface BacklogProps {
  readonly page: Extract<Page, { kind: 'backlog' }>
}

export function BacklogPage(props: BacklogProps): ReactElement {
  return (
    <Announcer>
      <ToastProvider>
        <Backlog {...props} />
      </ToastProvider>
    </Announcer>
  )
}

const itemsInOrder = { select: inOrder }
const tasksByItem = { select: byItem }
const membersByName = { sort: (a: Member, b: Member): number => (a.name < b.name ? -1 : 1) }

function Backlog({ page }: BacklogProps): ReactElement {
  const { projectId, viewer, theme } = page
  const channel = useBoardChannel(`project/${projectId}`)
  const parts = useBoardParts(channel, projectId)
  const items = useCollection(channel.items, itemsInOrder)
  const tasks = useCollection(channel.tasks, tasksByItem)
  const members = useCollection(channel.members, membersByName)
  const project = useRow(channel.projects, projectId)
  const toasts = useToasts()
  useRescue(items, tasks.of, parts, toasts)
  const status = useChannelStatus(channel)
  const figures = figuresOf(items)
  const name = project?.name ?? 'Project'
  useEffect(() => {
    document.title = `Backlog · ${name}`
  }, [name])

  if (status.state === 'revoked' || status.state === 'refused') return <Gone page={page} />
  return (
    <BoardContext value={parts}>
      <TopBar theme={theme} viewer={viewer} place={name}>
        <ConnectionPill />
      </TopBar>
      <ConnectionBanner />
      <main id="main" className="page" tabIndex={-1}>
        <header className="page-head backlog-head">
          <div>
            <h1>Backlog</h1>
            <p>The most important item stands at the top.</p>
          </div>
          <dl className="figures">
            <div>
              <dt>{figures.items === 1 ? 'Item' : 'Items'}</dt>
              <dd>{figureText(figures.items)}</dd>
            </div>
            <div>
              <dt>{figures.points === 1 ? 'Point' : 'Points'}</dt>
              <dd>{figureText(figures.points)}</dd>
            </div>
            <div>
              <dt>To estimate</dt>
              <dd>{figureText(figures.unestimated)}</dd>
            </div>
          </dl>
        </header>
        <div className="backlog">
          <section className="backlog-items" aria-label="Items">
            <Composer where="top" first={items.length === 0} />
            {items.length === 0 ? <Empty /> : <BacklogList items={items} tasks={tasks} />}
            {items.length > 0 && <Composer where="bottom" />}
          </section>
          <Summary figures={figures} members={members} viewerId={viewer.id} />
        </div>
      </main>
    </BoardContext>
  )
}

/** The project was taken away while one looked at it: its rows are gone from the page already. */
function Gone({ page }: Pick<BacklogProps, 'page'>): ReactElement {
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

function Empty(): ReactElement {
  return (
    <div className="empty">
      <h2>An empty backlog</h2>
      <p>
        Write down the first thing that somebody wants from you: who wants it, what, and why. Your team sees
        it while you press Enter.
      </p>
    </div>
  )
}

/** What lives as long as the page, and what it hears of others. */
function useBoardParts(project: ProjectChannel, projectId: number): BoardParts {
  const toasts = useToasts()
  const announce = useAnnounce()
  const [parts] = useState((): BoardParts => {
    const pending = new Pending()
    const drafts = new Drafts()
    return {
      actions: new Actions({ project, projectId, pending, drafts, toasts, announce }),
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
    const stopLights = parts.highlights.watch(project)
    const stopResets = watchResets(project, (text) => toasts.add({ kind: 'done', text }))
    const stopAuthors = parts.authors.watch(project)
    const stopNews = parts.news.watch(project, ({ text }) => toasts.add({ kind: 'notice', text }))
    return () => {
      stopNews()
      stopResets()
      stopAuthors()
      stopLights()
    }
  }, [project, parts, toasts])
  return parts
}
