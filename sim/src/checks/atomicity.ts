import type { Checker, Shown } from '../history/history.ts'
import type { Facts, PageFacts } from './facts.ts'
import type { SharedCommit } from './ledger.ts'
import { checker } from './rule.ts'

/**
 * G5: a commit is seen whole. Within a room that is G2's; over rooms: of those that are live, each commit that touched
 * two is in both or in neither, and all money is there.
 */
export function atomicity(facts: Facts): Checker {
  return checker('G5', (report) => {
    /** Page whose rooms are being told one after the other. */
    let changing: string | undefined
    const look = (): void => {
      if (changing === undefined) return
      const page = facts.page(changing)
      changing = undefined
      const rooms = shownRooms(page)
      if (rooms === undefined) return
      for (const [i, left] of rooms.entries()) {
        for (const right of rooms.slice(i + 1)) {
          const half = halfSeen(facts.ledger.shared(left.room, right.room), left.version, right.version)
          if (half === undefined) continue
          const [one, other] = half[0] <= left.version ? [left, right] : [right, left]
          report(`${page.client} shows commit ${half[2]} in ${one.room} and not in ${other.room}`)
        }
      }
      if (rooms.length < facts.ledger.rooms.length) return
      let sum = 0
      for (const { accounts } of rooms) for (const balance of Object.values(accounts)) sum += balance
      if (sum !== facts.ledger.total) {
        report(`${page.client} shows ${sum} in all rooms together instead of ${facts.ledger.total}`)
      }
    }
    return {
      every(event) {
        const goesOn = event.kind === 'shown' || event.kind === 'cleared'
        if (changing !== undefined && !(goesOn && event.client === changing)) look()
      },
      shown({ client }) {
        changing = client
      },
      told({ client, room }) {
        if (room !== undefined) changing = client
      },
      end: look,
    }
  })
}

/** What a page shows, by room; undefined while some of it is behind. */
function shownRooms(page: PageFacts): readonly Shown[] | undefined {
  const shown: Shown[] = []
  let allTold = true
  let latest: Shown | undefined
  for (const room of page.rooms.values()) {
    if (room.shown === undefined) continue
    shown.push(room.shown)
    allTold &&= room.told === 'live'
    if (latest === undefined || room.shown.at >= latest.at) latest = room.shown
  }
  if (latest === undefined || !(latest.live || allTold)) return undefined
  return shown.sort((a, b) => (a.room < b.room ? -1 : 1))
}

/** The first commit that is seen in one room only. Both versions rise, so only the last that is seen can be half. */
function halfSeen(shared: readonly SharedCommit[], left: number, right: number): SharedCommit | undefined {
  let from = 0
  let to = shared.length
  // The first commit that is beyond one of the two.
  while (from < to) {
    const middle = (from + to) >> 1
    const [l, r] = shared[middle] ?? [0, 0]
    if (l <= left && r <= right) from = middle + 1
    else to = middle
  }
  const next = shared[from]
  return next !== undefined && (next[0] <= left || next[1] <= right) ? next : undefined
}
