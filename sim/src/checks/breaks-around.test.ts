import { describe, test } from 'vitest'
import type { HistoryEvent } from '../history/history.ts'
import { deadlines, expectCaught, type History, lastBefore, type Of, replaceOne } from './breaking.testing.ts'

const other = ({ session }: { readonly session: string }): string => `${session}-other`

/** The next event of the lock, if there is one. */
function nextOf(history: History, { room, resource }: Of<'lock'>, index: number): Of<'lock'> | undefined {
  for (const event of history.slice(index + 1)) {
    if (event.kind === 'lock' && event.room === room && event.resource === resource) return event
  }
  return undefined
}

describe('G8: a lock', () => {
  const lock = (
    fits: (event: Of<'lock'>, history: History, index: number) => boolean,
    change: (event: Of<'lock'>) => readonly HistoryEvent[],
  ) => {
    expectCaught('G8', (history, random) =>
      replaceOne(history, random, 'lock', (event, index) => fits(event, history, index), change),
    )
  }

  test('has one holder', () => {
    lock(
      (event, history, index) => {
        const next = nextOf(history, event, index)
        return event.what === 'freed' && next?.what === 'granted' && next.session !== event.session
      },
      () => [],
    )
  })

  test('has tokens that rise', () => {
    lock(
      ({ what, room, resource }, history, index) =>
        what === 'granted' &&
        lastBefore(
          history,
          index,
          'lock',
          (before) => before.room === room && before.resource === resource,
        ) !== undefined,
      (event) => [{ ...event, token: 1 }],
    )
  })

  test('is held by who was given it', () => {
    lock(
      ({ what }) => what === 'held',
      (event) => [{ ...event, session: other(event) }],
    )
  })

  test('is freed for its holder', () => {
    lock(
      ({ what }) => what === 'freed',
      (event) => [{ ...event, session: other(event) }],
    )
  })

  test('is not lost by who is connected and has not let it go', () => {
    lock(
      ({ what }) => what === 'let-go',
      (event) => [{ ...event, lost: true }],
    )
  })

  test('is free soon after its holder is gone', () => {
    expectCaught('G8', (history, random) => {
      const until = (history.at(-1)?.at ?? 0) - deadlines.releaseMs
      return replaceOne(
        history,
        random,
        'lock',
        (event, index) =>
          event.what === 'freed' &&
          nextOf(history, event, index) === undefined &&
          history.some(
            (page) =>
              page.kind === 'page' &&
              page.what === 'closed' &&
              page.session === event.session &&
              page.at < until,
          ),
        () => [],
      )
    })
  })

  test('is shown to everybody in the end', () => {
    const final = (change: (event: Of<'final'>) => Of<'final'>['locks']) =>
      expectCaught('G8', (history, random) =>
        replaceOne(
          history,
          random,
          'final',
          ({ state, locks }) => state === 'live' && Object.keys(locks.held).length > 0,
          (event) => [{ ...event, locks: change(event) }],
        ),
      )
    final(({ locks }) => ({ ...locks, shown: {} }))
    final(({ locks }) => ({ ...locks, shown: { ...locks.shown, roof: 's1' } }))
    final(() => ({ shown: { roof: 'nobody' }, held: { roof: 'nobody' } }))
  })
})

describe('G9: content', () => {
  const sent = (fits: (event: Of<'sent'>) => boolean, change: (event: Of<'sent'>) => Partial<Of<'sent'>>) => {
    expectCaught('G9', (history, random) =>
      replaceOne(history, random, 'sent', fits, (event) => [{ ...event, ...change(event) }]),
    )
  }
  const shown = (
    fits: (event: Of<'shown'>) => boolean,
    change: (event: Of<'shown'>) => Partial<Of<'shown'>>,
  ) => {
    expectCaught('G9', (history, random) =>
      replaceOne(history, random, 'shown', fits, (event) => [{ ...event, ...change(event) }]),
    )
  }

  test('for members only does not leave for a guest', () => {
    expectCaught('G9', (history, random) =>
      replaceOne(
        history,
        random,
        'sent',
        ({ user, room, withMemo }, index) => {
          const right = lastBefore(
            history,
            index,
            'rights',
            (event) => event.user === user && event.room === room,
          )
          return !withMemo && right?.settled === true
        },
        (event) => [{ ...event, withMemo: true }],
      ),
    )
  })

  test('does not leave after the right is gone', () => {
    expectCaught('G9', (history, random) =>
      replaceOne(
        history,
        random,
        'rights',
        ({ audience, settled }) => audience === false && settled,
        (event) => [
          event,
          { kind: 'sent', at: event.at, user: event.user, session: 's', room: event.room, withMemo: false },
        ],
      ),
    )
  })

  test('does not leave for the session of another', () => {
    sent(
      () => true,
      ({ user }) => ({ user: user === 'olivia' ? 'alice' : 'olivia', withMemo: false }),
    )
  })

  test('for members only is never shown to who was none', () => {
    expectCaught('G9', (history, random) => {
      const membered = history.some(
        (event) => event.kind === 'rights' && event.user === 'guido' && event.audience === 'member',
      )
      if (membered) return undefined
      return replaceOne(
        history,
        random,
        'shown',
        ({ client, accounts }) => client === 'c3' && Object.keys(accounts).length > 0,
        (event) => [{ ...event, memos: Object.keys(event.accounts).map(() => `secret-${event.room}-1`) }],
      )
    })
  })

  test('for members only is shown of all rows or of none', () => {
    shown(
      ({ memos }) => memos.length > 1,
      ({ memos }) => ({ memos: memos.slice(1) }),
    )
  })

  test('of a room is shown in it', () => {
    shown(
      ({ memos }) => memos.length > 0,
      ({ memos }) => ({ memos: memos.map(() => 'secret-z-1') }),
    )
  })

  test('goes from the screen with the right', () => {
    expectCaught('G9', (history, random) =>
      replaceOne(
        history,
        random,
        'cleared',
        () => true,
        () => [],
      ),
    )
  })

  test('is not shown as live where there is no right', () => {
    expectCaught('G9', (history, random) =>
      replaceOne(
        history,
        random,
        'final',
        ({ state }) => state === 'revoked',
        (event) => [{ ...event, state: 'live' }],
      ),
    )
  })
})

describe('G10: presence', () => {
  const final = (change: (event: Of<'final'>) => readonly string[]) => {
    expectCaught('G10', (history, random) =>
      replaceOne(
        history,
        random,
        'final',
        ({ state }) => state === 'live',
        (event) => [{ ...event, presence: { ...event.presence, shown: change(event) } }],
      ),
    )
  }

  test('has no ghosts in the end', () => final(({ presence }) => [...presence.shown, 'ghost']))

  test('has everybody in the end', () => final(({ presence }) => presence.shown.slice(1)))

  test('has nobody twice', () => final(({ presence }) => [...presence.shown, ...presence.shown]))

  test('has no ghosts after the bound', () => {
    expectCaught('G10', (history, random) =>
      replaceOne(
        history,
        random,
        'presence',
        ({ at }, index) => goneBefore(history, index, at) !== undefined,
        (event, index) => {
          const ghost = goneBefore(history, index, event.at)?.session ?? ''
          return [{ ...event, sessions: [...event.sessions, ghost] }]
        },
      ),
    )
  })
})

function goneBefore(history: History, index: number, at: number): Of<'page'> | undefined {
  return lastBefore(
    history,
    index,
    'page',
    (event) => event.what === 'closed' && event.at < at - deadlines.ghostMs,
  )
}

describe('G11: a client is told', () => {
  test('by the server that its rows are replaced', () => {
    expectCaught('G11', (history, random) =>
      replaceOne(
        history,
        random,
        'position',
        ({ type }) => type === 'reset',
        () => [],
      ),
    )
  })

  test('the reason', () => {
    expectCaught('G11', (history, random) =>
      replaceOne(
        history,
        random,
        'told',
        ({ reason }) => reason !== undefined,
        ({ reason: _, ...event }) => [event],
      ),
    )
  })

  test('all operations of others', () => {
    expectCaught('G11', (history, random) =>
      replaceOne(
        history,
        random,
        'operation',
        (event, index) => isOwed(history, event, index),
        () => [],
      ),
    )
  })

  test('when it hears nothing any more', () => {
    expectCaught('G11', (history, random) =>
      replaceOne(
        history,
        random,
        'position',
        ({ type }, index) => type === 'heartbeat' && history[index + 1]?.kind !== 'position',
        (event) => [event, { ...marker, at: event.at + deadlines.silentMs + 1 }],
      ),
    )
  })
})

const marker: HistoryEvent = { kind: 'fault', at: 0, fault: 'stall', of: 'n1' }

/** Whether its commit came to the client as a transaction, and later ones did too, with no snapshot between. */
function isOwed(history: History, { client, room, n }: Of<'operation'>, index: number): boolean {
  const commit = history.find((event) => event.kind === 'commit' && event.operation?.n === n)
  const version = commit?.kind === 'commit' ? commit.rooms[room]?.version : undefined
  const before = lastBefore(
    history,
    index,
    'shown',
    (event) => event.client === client && event.room === room && event.version < (version ?? 0),
  )
  if (before === undefined) return false
  const rest = history.slice(history.indexOf(before))
  return !rest.some(
    (event) =>
      (event.kind === 'page' && event.client === client) ||
      (event.kind === 'position' &&
        event.client === client &&
        event.room === room &&
        event.type === 'snapshot'),
  )
}

test('G12: no queue is longer than its bound', () => {
  expectCaught('G12', (history, random) =>
    replaceOne(
      history,
      random,
      'measured',
      () => true,
      (event) => [{ ...event, size: event.bound + 1 }],
    ),
  )
})

test('no code throws what it does not expect', () => {
  expectCaught('code', (history) => [...history, { kind: 'broken', at: 1, of: 'n1', message: 'TypeError' }])
})
