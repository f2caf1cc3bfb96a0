import { describe, test } from 'vitest'
import {
  expectCaught,
  goesOn,
  type History,
  isShownOver,
  lastBefore,
  type Of,
  pendingAt,
  replaceOne,
} from './breaking.testing.ts'

/** The commit of a write that is done, where the client showed its effect only some time after it. */
function lateEffect(history: History, { client, write }: Of<'written'>, index: number): number | undefined {
  const commit = history.findIndex((event) => event.kind === 'commit' && event.write === write)
  const found = history[commit]
  if (found?.kind !== 'commit') return undefined
  const [room = ''] = Object.keys(found.rooms)
  // While a room is being filled, less is owed.
  const told = lastBefore(history, commit, 'told', (event) => event.client === client && event.room === room)
  if (told?.state !== 'live') return undefined
  const before = lastBefore(
    history,
    commit,
    'shown',
    (event) => event.client === client && event.room === room,
  )
  if (before === undefined || !goesOn(history, history.indexOf(before), index, client, room)) return undefined
  const after = history
    .slice(commit, index)
    .some((event) => event.kind === 'shown' && event.client === client && event.room === room)
  return after ? commit : undefined
}

describe('G6: a client', () => {
  test('shows what it wrote when it hears that it is done', () => {
    expectCaught('G6', (history, random) => {
      const from = { index: 0 }
      const without = replaceOne(
        history,
        random,
        'written',
        (event, index) => event.outcome === 'done' && lateEffect(history, event, index) !== undefined,
        (event, index) => {
          from.index = lateEffect(history, event, index) ?? 0
          return []
        },
      )
      const moved = history.find((event) => !without?.includes(event))
      if (without === undefined || moved === undefined) return undefined
      return [...without.slice(0, from.index + 1), moved, ...without.slice(from.index + 1)]
    })
  })

  test('shows the counter with it', () => {
    expectCaught('G6', (history, random) =>
      replaceOne(
        history,
        random,
        'written',
        ({ outcome, n, client }, index) =>
          outcome === 'done' && n !== undefined && pendingAt(history, index, client).length === 1,
        (event) => [{ ...event, n: -1 }],
      ),
    )
  })

  test('hears of nothing that was not committed', () => {
    expectCaught('G6', (history, random) =>
      replaceOne(
        history,
        random,
        'written',
        ({ outcome }) => outcome === 'conflict',
        (event) => [{ ...event, outcome: 'done' }],
      ),
    )
  })

  test('is not told that it was refused when it was not', () => {
    expectCaught('G6', (history, random) =>
      replaceOne(
        history,
        random,
        'written',
        ({ outcome }) => outcome === 'done',
        (event) => [{ ...event, outcome: 'conflict' }],
      ),
    )
  })

  test('goes on showing what it wrote until then', () => {
    expectCaught('G6', (history, random) =>
      replaceOne(
        history,
        random,
        'shown',
        ({ client, room }, index) => {
          const [only, ...others] = pendingAt(history, index, client)
          if (only === undefined || others.length > 0 || only.room !== room) return false
          if (!isShownOver(history, only, index)) return false
          const committed = history
            .slice(0, index)
            .some((event) => event.kind === 'commit' && event.write === only.write)
          return (
            !committed &&
            history.some(
              (event) => event.kind === 'written' && event.write === only.write && event.outcome === 'done',
            )
          )
        },
        (event) => [{ ...event, counters: {} }],
      ),
    )
  })
})

describe('G3: a client', () => {
  test('does not show its own write twice', () => {
    expectCaught('G3', (history, random) =>
      replaceOne(
        history,
        random,
        'shown',
        ({ client, room, version }, index) => {
          const pending = pendingAt(history, index, client).filter((write) => write.room === room)
          return (
            pending.length > 0 &&
            pending.every((begun) => isShownOver(history, begun, index)) &&
            pending.every(({ write }) =>
              history.some(
                (event) =>
                  event.kind === 'commit' &&
                  event.write === write &&
                  (event.rooms[room]?.version ?? Infinity) <= version,
              ),
            )
          )
        },
        (event) => [{ ...event, counters: { [`k${event.room}`]: 500 } }],
      ),
    )
  })
})

describe('G7: positions do not go back', () => {
  const position = (
    fits: (event: Of<'position'>, history: History, index: number) => boolean,
    change: (event: Of<'position'>) => readonly Of<'position'>[],
  ) => {
    expectCaught('G7', (history, random) =>
      replaceOne(history, random, 'position', (event, index) => fits(event, history, index), change),
    )
  }

  test('with a live', () => {
    position(
      ({ type, client, room, epoch }, history, index) => {
        const before = lastBefore(
          history,
          index,
          'position',
          (event) =>
            event.client === client &&
            event.room === room &&
            event.type !== 'snapshot' &&
            event.epoch === epoch,
        )
        return (
          type === 'live' &&
          before !== undefined &&
          goesOn(history, history.indexOf(before), index, client, room)
        )
      },
      (event) => [{ ...event, lsn: 1 }],
    )
  })

  test('with a heartbeat', () => {
    position(
      ({ type }) => type === 'heartbeat',
      (event) => [{ ...event, lsn: 1 }],
    )
  })

  test('with a transaction that was there', () => {
    position(
      ({ type }) => type === 'transaction',
      (event) => [event, event],
    )
  })
})
