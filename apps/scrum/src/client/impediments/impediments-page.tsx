import { useCollection } from '@lockstep/client/react'
import { type FormEvent, type ReactElement, useId, useState } from 'react'
import { summaryLengthMax } from '../../model/board.ts'
import type { ProjectPage } from '../../model/page.ts'
import { useBoard } from '../board/board-context.tsx'
import { ProjectFrame } from '../board/project-frame.tsx'
import { impedimentsInOrder } from '../rows.ts'
import { PlusIcon } from '../shell/icons.tsx'
import { ImpedimentCard } from './impediment-card.tsx'

export function ImpedimentsPage({ page }: { page: ProjectPage }): ReactElement {
  return (
    <ProjectFrame page={page}>
      <Impediments />
    </ProjectFrame>
  )
}

type Shown = 'open' | 'closed' | 'all'
const choices: readonly Shown[] = ['open', 'closed', 'all']
const inOrder = { select: impedimentsInOrder }

function Impediments(): ReactElement {
  const { project } = useBoard()
  const impediments = useCollection(project.impediments, inOrder)
  const [shown, setShown] = useState<Shown>('open')
  const count = {
    open: impediments.filter(({ open }) => open).length,
    closed: impediments.filter(({ open }) => !open).length,
    all: impediments.length,
  }
  const list = impediments.filter(({ open }) => shown === 'all' || open === (shown === 'open'))
  return (
    <div className="impediments">
      <header className="page-head">
        <div>
          <h1>Impediments</h1>
          <p>What is in the team’s way, and who could clear it.</p>
        </div>
        <fieldset className="segments" aria-label="Which impediments to show">
          {choices.map((choice) => (
            <button
              key={choice}
              type="button"
              aria-pressed={choice === shown}
              onClick={() => setShown(choice)}
            >
              {choice === 'open' ? 'Open' : choice === 'closed' ? 'Closed' : 'All'} {count[choice]}
            </button>
          ))}
        </fieldset>
      </header>
      <section className="item-box" aria-label="Impediments">
        <NewImpediment />
        {list.length === 0 ? (
          <None shown={shown} />
        ) : (
          <ul className="item-list" aria-label={`Impediments: ${shown}`}>
            {list.map((impediment) => (
              <li key={impediment.id}>
                <ImpedimentCard impediment={impediment} />
              </li>
            ))}
          </ul>
        )}
      </section>
    </div>
  )
}

function None({ shown }: { shown: Shown }): ReactElement {
  return (
    <div className="empty">
      <h2>{shown === 'closed' ? 'Nothing was cleared yet' : 'Nothing is in the way'}</h2>
      <p>
        {shown === 'closed'
          ? 'What you close stays here, with what was said about it.'
          : 'When something holds the team up, write it down above: a missing key, a slow answer, a loud room.'}
      </p>
    </div>
  )
}

function NewImpediment(): ReactElement {
  const { actions } = useBoard()
  const [text, setText] = useState('')
  const id = useId()
  const add = (event: FormEvent): void => {
    event.preventDefault()
    if (text.trim() === '') return
    actions.impediments.create(text.trim())
    setText('')
  }
  return (
    <form className="composer composer-top" onSubmit={add}>
      <span className="composer-plus">
        <PlusIcon />
      </span>
      <label className="unseen" htmlFor={id}>
        New impediment
      </label>
      <input
        id={id}
        className="composer-field"
        placeholder="What holds you up?"
        value={text}
        maxLength={summaryLengthMax}
        autoComplete="off"
        enterKeyHint="done"
        onChange={(event) => setText(event.target.value)}
      />
      {text.trim() !== '' && (
        <button type="submit" className="button small">
          Add
        </button>
      )}
    </form>
  )
}
