import { type ReactElement, useRef, useState } from 'react'
import type { Sprint } from '../../model/board.ts'
import { addDays, daysBetween, dayText } from '../../model/days.ts'
import type { ProjectPage } from '../../model/page.ts'
import { useBoard } from '../board/board-context.tsx'
import { PenIcon, PlusIcon, TrashIcon } from '../shell/icons.tsx'
import { stateOf } from './choice.ts'
import { SprintForm } from './sprint-form.tsx'

const sprintLengthDays = 14

/** Which sprint it is, others to go to, and what can be done with it. */
export function SprintHead({
  kind,
  sprints,
  sprint,
}: {
  kind: ProjectPage['kind']
  sprints: readonly Sprint[]
  sprint: Sprint | undefined
}): ReactElement {
  const { actions, projectId, today } = useBoard()
  const [form, setForm] = useState<'none' | 'new' | 'edit'>('none')
  const opener = useRef<HTMLButtonElement>(null)
  const add = useRef<HTMLButtonElement>(null)
  const close = (): void => {
    setForm('none')
    const { current } = form === 'new' ? add : opener
    current?.focus()
  }
  const address = (id: number): string => `/projects/${projectId}/${kind}/${id}`
  const last = sprints.at(-1)
  const from = last === undefined || last.to_date < today ? today : addDays(last.to_date, 1)
  return (
    <>
      <header className="page-head sprint-head">
        <div>
          <h1>{sprint?.name ?? (kind === 'planning' ? 'Planning' : 'Sprint')}</h1>
          {sprint !== undefined && (
            <p>
              <span className={`badge badge-${stateOf(sprint, today)}`}>{stateOf(sprint, today)}</span>{' '}
              {dayText(sprint.from_date)} – {dayText(sprint.to_date)}
              {stateOf(sprint, today) === 'running' && `, ${daysLeftText(sprint, today)}`}
              {sprint.goal !== '' && <span className="goal">{sprint.goal}</span>}
            </p>
          )}
        </div>
        <div className="head-tools">
          {sprints.length > 1 && (
            <nav className="sprint-links" aria-label="Sprints">
              <ul>
                {sprints.slice(-linksMax).map(({ id, name }) => (
                  <li key={id}>
                    <a href={address(id)} aria-current={id === sprint?.id ? 'page' : undefined}>
                      {name}
                    </a>
                  </li>
                ))}
              </ul>
            </nav>
          )}
          {sprint !== undefined && (
            <>
              <button
                ref={opener}
                type="button"
                className="icon-button"
                aria-label={`Change ${sprint.name}`}
                title="Change name, goal and days"
                aria-expanded={form === 'edit'}
                onClick={() => setForm(form === 'edit' ? 'none' : 'edit')}
              >
                <PenIcon />
              </button>
              <button
                type="button"
                className="icon-button item-destroy"
                aria-label={`Delete ${sprint.name}`}
                title="Delete the sprint; its items go back to the backlog"
                onClick={() => actions.sprints.destroy(sprint)}
              >
                <TrashIcon />
              </button>
            </>
          )}
          <button
            ref={add}
            type="button"
            className="button small"
            aria-expanded={form === 'new'}
            onClick={() => setForm(form === 'new' ? 'none' : 'new')}
          >
            <PlusIcon /> New sprint
          </button>
        </div>
      </header>
      {form === 'edit' && sprint !== undefined && (
        <SprintForm
          title={`Change ${sprint.name}`}
          submit="Save"
          initial={{
            name: sprint.name,
            goal: sprint.goal,
            from_date: sprint.from_date,
            to_date: sprint.to_date,
          }}
          done={(fields) => {
            actions.sprints.change(sprint, fields)
            close()
          }}
          cancel={close}
        />
      )}
      {form === 'new' && (
        <SprintForm
          title="New sprint"
          submit="Plan it"
          initial={{
            name: `Sprint ${sprints.length + 1}`,
            goal: '',
            from_date: from,
            to_date: addDays(from, sprintLengthDays - 1),
          }}
          done={(fields) => {
            close()
            void actions.sprints.create(fields).then((id) => {
              if (id !== undefined) window.location.assign(address(id))
            })
          }}
          cancel={close}
        />
      )}
    </>
  )
}

/** Sprints one click away; older ones are reached by their address. */
const linksMax = 4

function daysLeftText(sprint: Sprint, today: string): string {
  const days = daysBetween(today, sprint.to_date)
  return days === 0 ? 'last day' : days === 1 ? 'one day left' : `${days} days left`
}
