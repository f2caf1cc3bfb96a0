import { useCollection } from '@lockstep/client/react'
import { usePresence } from '@lockstep/client/react/presence'
import { type ReactElement, useMemo } from 'react'
import { type ProjectPage, projectPageTitles } from '../../model/page.ts'
import { membersByName } from '../rows.ts'
import { Avatar } from '../shell/avatar.tsx'
import { useBoard } from './board-context.tsx'

const byName = { select: membersByName }

/** Pictures shown; of a larger crowd only the number. */
const shownMax = 5

/** Who else has a page of the project open, and which. */
export function WhoIsHere({ kind }: { kind: ProjectPage['kind'] }): ReactElement {
  const { project, viewer } = useBoard()
  const members = useCollection(project.members, byName)
  const state = useMemo(() => ({ page: kind }), [kind])
  const people = usePresence(project, state)
  const pages = new Map<number, Set<string>>()
  for (const { by, state: said } of people.values()) {
    // As the server's `showUser` and this component of other pages tell it.
    const { user_id: userId } = Object(by)
    const { page } = Object(said)
    if (typeof userId !== 'number' || userId === viewer.id) continue
    const own = pages.get(userId) ?? new Set()
    pages.set(userId, own)
    if (typeof page === 'string' && page in projectPageTitles) {
      own.add(projectPageTitles[page as ProjectPage['kind']]) // a name of the table, as was just seen
    }
  }
  const here = members.filter(({ user_id }) => pages.has(user_id))
  return (
    <ul className="avatars who" aria-label="Who else is here">
      {here.slice(0, shownMax).map(({ user_id, name, hue }) => {
        const where = [...(pages.get(user_id) ?? [])].sort().join(', ')
        return (
          <li key={user_id}>
            <Avatar name={where === '' ? name : `${name}: ${where}`} hue={hue} initialsOf={name} label />
          </li>
        )
      })}
      {here.length > shownMax && <li className="hint">+{here.length - shownMax}</li>}
    </ul>
  )
}
