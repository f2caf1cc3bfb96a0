import { expect } from 'vitest'
import { correctHistory } from '../history/correct.testing.ts'
import type { HistoryEvent } from '../history/history.ts'
import { Random } from '../random/random.ts'
import { check, type Deadlines } from './checks.ts'

export const deadlines: Deadlines = { silentMs: 40_000, releaseMs: 40_000, ghostMs: 60_000 }

export type History = readonly HistoryEvent[]
export type Of<K> = Extract<HistoryEvent, { kind: K }>

/** How many correct histories are tried, and in how many of them the break must be possible. */
const seeds = 60
const possibleMin = 5
const correct = Array.from({ length: seeds }, (_, seed) => correctHistory(seed + 1))

/** Breaks correct histories in one way: wherever that is possible, the promise must be found broken. */
export function expectCaught(
  promise: string,
  breakIt: (history: History, random: Random) => History | undefined,
): void {
  let possible = 0
  for (const [seed, history] of correct.entries()) {
    const broken = breakIt(history, new Random(seed))
    if (broken === undefined) continue
    possible++
    const found = check(broken, deadlines).map((violation) => violation.promise)
    expect(found, `seed ${seed + 1}`).toContain(promise)
  }
  expect(possible).toBeGreaterThanOrEqual(possibleMin)
}

/** Puts other events in the place of one of a kind; undefined where there is none that `fits`. */
export function replaceOne<K extends HistoryEvent['kind']>(
  history: History,
  random: Random,
  kind: K,
  fits: (event: Of<K>, index: number) => boolean,
  change: (event: Of<K>, index: number) => readonly HistoryEvent[],
): History | undefined {
  const found = history.flatMap((event, index) => {
    // An event of this kind is one of its type, which comparing by a type parameter does not tell.
    if (event.kind !== kind || !fits(event as Of<K>, index)) return []
    return [[event as Of<K>, index] as const]
  })
  if (found.length === 0) return undefined
  const [event, index] = random.of(found)
  return [...history.slice(0, index), ...change(event, index), ...history.slice(index + 1)]
}

/** The event of a kind that comes last before `index` and fits. */
export function lastBefore<K extends HistoryEvent['kind']>(
  history: History,
  index: number,
  kind: K,
  fits: (event: Of<K>) => boolean,
): Of<K> | undefined {
  for (let i = index - 1; i >= 0; i--) {
    const event = history[i]
    if (event?.kind === kind && fits(event as Of<K>)) return event as Of<K>
  }
  return undefined
}

/** Whether the client opened another page, or stopped to show the room, between the two. */
export function goesOn(history: History, from: number, to: number, client: string, room: string): boolean {
  return !history
    .slice(from, to)
    .some(
      (event) =>
        (event.kind === 'page' && event.client === client) ||
        (event.kind === 'cleared' && event.client === client && event.room === room),
    )
}

/** Whether what the write made of the counter is shown over the rows still: the rows did not go and come meanwhile. */
export function isShownOver(history: History, write: Of<'write'>, index: number): boolean {
  return goesOn(history, history.indexOf(write), index, write.client, write.room)
}

/** Writes of a client that have begun and not ended before the event. */
export function pendingAt(history: History, index: number, client: string): readonly Of<'write'>[] {
  const pending = new Map<string, Of<'write'>>()
  for (const event of history.slice(0, index)) {
    if (event.kind === 'write' && event.client === client) pending.set(event.write, event)
    else if (event.kind === 'written') pending.delete(event.write)
    else if (event.kind === 'page' && event.client === client && event.what === 'opened') pending.clear()
  }
  return [...pending.values()]
}
