import { useCollection } from '@lockstep/client/react'
import { memo, type ReactElement, useSyncExternalStore } from 'react'
import { estimateCards, estimateText, estimateWords, type Item, type Member } from '../../model/board.ts'
import { useBoard } from '../board/board-context.tsx'
import type { NewsEntry } from '../board/news.ts'
import { itemsBySprint, membersByName, remembered } from '../rows.ts'
import { Avatar } from '../shell/avatar.tsx'
import { TagList } from './tag-list.tsx'

interface Figures {
  readonly items: number
  readonly points: number
  readonly unestimated: number
  /** How many items have each card, in the order of the cards; others count with the next higher one. */
  readonly perCard: readonly { readonly card: number | null; readonly count: number }[]
}

const cards: readonly (number | null)[] = [...estimateCards, null]
const cardIndexes: ReadonlyMap<number | null, number> = new Map(cards.map((card, i) => [card, i]))

/** The card that an estimate counts with, by its place among them. */
function cardIndexOf(estimate: number | null): number {
  const exact = cardIndexes.get(estimate)
  if (exact !== undefined) return exact
  const found = estimateCards.findIndex((card) => card >= (estimate ?? 0))
  return found < 0 ? cards.length - 2 : found
}

export const figuresOf = remembered((items: readonly Item[]): Figures => {
  const counts = cards.map(() => 0)
  let points = 0
  let unestimated = 0
  for (const { estimate } of items) {
    if (estimate === null) unestimated++
    else points += estimate
    const index = cardIndexOf(estimate)
    counts[index] = (counts[index] ?? 0) + 1
  }
  const perCard = cards.map((card, i) => ({ card, count: counts[i] ?? 0 }))
  return { items: items.length, points: Math.round(points * 10) / 10, unestimated, perCard }
})

const byName = { select: membersByName }

/** What stands beside the list where there is room: the team, the sizes, what happened. */
export const Summary = memo(function Summary(): ReactElement {
  const { project, viewer } = useBoard()
  const members = useCollection(project.members, byName)
  return (
    <aside className="summary" aria-label="About this backlog">
      <section>
        <h2>Team</h2>
        <ul className="team">
          {members.map((member) => (
            <li key={member.user_id}>
              <Avatar name={member.name} hue={member.hue} />
              {member.name}
              {member.user_id === viewer.id && <span className="hint">you</span>}
            </li>
          ))}
        </ul>
      </section>
      <section>
        <h2>Sizes</h2>
        <Sizes />
      </section>
      <TagList />
      <section className="news-box">
        <h2>While you are here</h2>
        <NewsList members={members} />
      </section>
    </aside>
  )
})

/** Above it the figures over the bars would run into each other. */
const countShownMax = 99

const figures = { select: (items: readonly Item[]) => figuresOf(itemsBySprint(items).of(null)) }

function Sizes(): ReactElement {
  const { project } = useBoard()
  const { items, perCard } = useCollection(project.items, figures)
  if (items === 0) return <p className="hint">Nothing to measure yet.</p>
  const highest = Math.max(...perCard.map(({ count }) => count))
  return (
    <ul className="sizes">
      {perCard.map(({ card, count }) => (
        <li key={card ?? 'none'} className={count === 0 ? 'size-none' : undefined}>
          <span className="unseen">
            {count} {card === null ? 'not estimated' : `with ${estimateWords(card)}`}
          </span>
          <span className="size-count" aria-hidden="true">
            {count === 0 || highest > countShownMax ? '' : count}
          </span>
          <svg className="size-bar" viewBox="0 0 10 64" preserveAspectRatio="none" aria-hidden="true">
            <rect x="0" y={64 - Math.max(barHeight(count, highest), 2)} width="10" height="64" />
          </svg>
          <span className="size-card" aria-hidden="true">
            {estimateText(card)}
          </span>
        </li>
      ))}
    </ul>
  )
}

function barHeight(count: number, highest: number): number {
  return highest === 0 ? 0 : Math.round((count / highest) * 64)
}

const noNews: readonly NewsEntry[] = []

function NewsList({ members }: { members: readonly Member[] }): ReactElement {
  const { news } = useBoard()
  const entries = useSyncExternalStore(
    news.subscribe,
    () => news.entries,
    () => noNews,
  )
  if (entries.length === 0) {
    return <p className="hint">What your team changes shows up here, as it happens.</p>
  }
  return (
    <ol className="news">
      {entries.map((entry) => (
        <NewsLine
          key={entry.id}
          entry={entry}
          member={members.find(({ user_id }) => user_id === entry.userId)}
        />
      ))}
    </ol>
  )
}

// Making one for each line took more of a busy page than all its items.
const clock = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit' })

const NewsLine = memo(function NewsLine({
  entry,
  member,
}: {
  entry: NewsEntry
  member: Member | undefined
}): ReactElement {
  return (
    <li>
      <Avatar name={member?.name ?? '?'} hue={member?.hue ?? 0} />
      <p>
        {entry.text}
        <time dateTime={new Date(entry.at).toISOString()}>{clock.format(entry.at)}</time>
      </p>
    </li>
  )
})
