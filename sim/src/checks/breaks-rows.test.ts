import { describe, expect, test } from 'vitest'
import { correctHistory } from '../history/correct.testing.ts'
import {
  deadlines,
  expectCaught,
  goesOn,
  type History,
  lastBefore,
  type Of,
  pendingAt,
  replaceOne,
} from './breaking.testing.ts'
import { check } from './checks.ts'

test('correct histories pass all checkers', () => {
  for (let seed = 1; seed <= 200; seed++) {
    expect(check(correctHistory(seed), deadlines), `seed ${seed}`).toEqual([])
  }
})

const first = (accounts: Readonly<Record<string, number>>): string => Object.keys(accounts)[0] ?? ''

describe('G1: in the end', () => {
  const final = (change: (event: Of<'final'>) => Partial<Of<'final'>>) => {
    expectCaught('G1', (history, random) =>
      replaceOne(
        history,
        random,
        'final',
        ({ state }) => state === 'live',
        (event) => [{ ...event, ...change(event) }],
      ),
    )
  }

  test('every room has its last version', () => final(({ version = 0 }) => ({ version: version - 1 })))

  test('every account has its balance', () => {
    final(({ accounts = {} }) => ({ accounts: { ...accounts, [first(accounts)]: 1_000 } }))
  })

  test('no account is there that is not', () =>
    final(({ accounts }) => ({ accounts: { ...accounts, '99': 0 } })))

  test('every counter has its number', () => final(() => ({ counters: { ka: 1_000 } })))

  test('nobody is on the way still', () => final(() => ({ state: 'subscribing' })))

  test('nobody was refused who may see it', () => final(() => ({ state: 'refused' })))

  test('no write is pending', () => final(() => ({ pendingWrites: 1 })))
})

describe('G2: what is shown at a version', () => {
  const shown = (
    fits: (event: Of<'shown'>) => boolean,
    change: (event: Of<'shown'>) => Partial<Of<'shown'>>,
    promise = 'G2',
  ) => {
    expectCaught(promise, (history, random) =>
      replaceOne(history, random, 'shown', fits, (event) => [{ ...event, ...change(event) }]),
    )
  }
  const some = ({ accounts, memos }: Of<'shown'>): boolean => first(accounts) !== '' && memos.length === 0

  test('has all balances', () => {
    shown(some, ({ accounts }) => ({ accounts: { ...accounts, [first(accounts)]: -1 } }))
  })

  test('misses no account', () => {
    shown(some, ({ accounts }) => {
      const { [first(accounts)]: _, ...others } = accounts
      return { accounts: others }
    })
  })

  test('misses no entry', () => {
    shown(
      ({ entries }) => entries.length > 2,
      ({ entries }) => ({ entries: [...entries.slice(0, 1), ...entries.slice(2)] }),
    )
  })

  test('has entries in order', () => {
    shown(
      ({ entries }) => entries.length > 1,
      ({ entries }) => ({ entries: entries.toReversed() }),
    )
  })

  test('was committed', () => shown(some, ({ version }) => ({ version: version + 1_000 })))

  test('has all counters', () => {
    expectCaught('G2', (history, random) =>
      replaceOne(
        history,
        random,
        'shown',
        ({ counters, room, client }, index) =>
          `k${room}` in counters && pendingAt(history, index, client).length === 0,
        (event) => [{ ...event, counters: { ...event.counters, [`k${event.room}`]: 77 } }],
      ),
    )
  })
})

describe('G2: a server sends', () => {
  test('nothing over a hole', () => {
    expectCaught('G2', (history, random) =>
      replaceOne(
        history,
        random,
        'position',
        ({ type, prev = 0 }) => type === 'transaction' && prev > 0,
        (event) => [{ ...event, prev: event.lsn + 500 }],
      ),
    )
  })

  test('nothing of another epoch without a reset', () => {
    expectCaught('G2', (history, random) =>
      replaceOne(
        history,
        random,
        'position',
        ({ type }) => type === 'transaction',
        (event) => [{ ...event, epoch: 'other' }],
      ),
    )
  })
})

describe('G3: nothing is done twice', () => {
  test('no write', () => {
    expectCaught('G3', (history, random) =>
      replaceOne(
        history,
        random,
        'commit',
        ({ write, truncated }, index) =>
          write === undefined && truncated === undefined && firstWrite(history, index) !== undefined,
        (event, index) => {
          const write = firstWrite(history, index)
          return write === undefined ? [event] : [{ ...event, write }]
        },
      ),
    )
  })

  test('no request under another key', () => {
    expectCaught('G3', (history, random) => {
      const named = history.map((event) =>
        event.kind === 'commit' && event.write !== undefined ? { ...event, request: event.write } : event,
      )
      return replaceOne(
        named,
        random,
        'commit',
        ({ write }, index) => write !== undefined && firstWrite(named, index) !== undefined,
        (event, index) => {
          const request = firstWrite(named, index)
          return request === undefined ? [event] : [{ ...event, request }]
        },
      )
    })
  })

  test('no raise of a counter', () => {
    expectCaught('G3', (history, random) =>
      replaceOne(
        history,
        random,
        'commit',
        ({ counter }) => counter !== undefined,
        ({ counter, ...event }) => [
          counter === undefined ? event : { ...event, counter: { ...counter, n: counter.n + 1 } },
        ],
      ),
    )
  })

  test('no operation', () => {
    expectCaught('G3', (history, random) =>
      replaceOne(
        history,
        random,
        'operation',
        () => true,
        (event) => [event, event],
      ),
    )
  })

  test('no operation of one’s own is heard', () => {
    expectCaught('G3', (history, random) =>
      replaceOne(
        history,
        random,
        'written',
        ({ write, outcome }) => outcome === 'done' && operationOf(history, write) !== undefined,
        (event) => {
          const { client, write, at } = event
          const { session = '', operation = { n: 0, rooms: [] } } = operationOf(history, write) ?? {}
          return [
            event,
            { kind: 'operation', at, client, room: operation.rooms[0] ?? '', n: operation.n, session },
          ]
        },
      ),
    )
  })
})

function firstWrite(history: History, before: number): string | undefined {
  return lastBefore(history, before, 'commit', ({ write }) => write !== undefined)?.write
}

function operationOf(history: History, write: string): Of<'commit'> | undefined {
  return lastBefore(history, history.length, 'commit', (commit) => commit.write === write)
}

describe('G4: a client goes forward', () => {
  test('in what it shows', () => {
    expectCaught('G4', (history, random) =>
      replaceOne(
        history,
        random,
        'shown',
        (event, index) => earlier(history, event, index) !== undefined,
        (event, index) => [event, earlier(history, event, index) ?? event],
      ),
    )
  })

  test('in the operations that it hears', () => {
    expectCaught('G4', (history, random) =>
      replaceOne(
        history,
        random,
        'operation',
        ({ client, room, n }, index) => {
          const before = history[index - 1]
          return (
            before?.kind === 'operation' && before.client === client && before.room === room && before.n < n
          )
        },
        (event, index) => [event, history[index - 1] ?? event],
      ),
    )
  })

  test('in operations with their rows', () => {
    expectCaught('G4', (history, random) =>
      replaceOne(
        history,
        random,
        'shown',
        ({ client, room }, index) => {
          const later = history[index + 1]
          const before = lastBefore(
            history,
            index,
            'shown',
            (event) => event.client === client && event.room === room,
          )
          return (
            later?.kind === 'operation' &&
            later.client === client &&
            later.room === room &&
            before !== undefined &&
            goesOn(history, history.indexOf(before), index, client, room)
          )
        },
        (event, index) => [history[index + 1] ?? event, event],
      ),
    )
  })
})

/** What the same page showed of the room at an earlier version. */
function earlier(
  history: History,
  { client, room, version }: Of<'shown'>,
  index: number,
): Of<'shown'> | undefined {
  const before = lastBefore(
    history,
    index,
    'shown',
    (event) => event.client === client && event.room === room && event.version < version,
  )
  if (before === undefined || !goesOn(history, history.indexOf(before), index, client, room)) return undefined
  return before
}

describe('G5: a commit is seen whole', () => {
  test('in all rooms that it touched', () => {
    expectCaught('G5', (history, random) =>
      replaceOne(
        history,
        random,
        'shown',
        (event, index) => isHalf(history, event, index),
        () => [],
      ),
    )
  })

  test('with all the money', () => {
    expectCaught('G5', (history, random) =>
      replaceOne(
        history,
        random,
        'shown',
        ({ accounts, live, client }) =>
          live && client === 'c1' && first(accounts) !== '' && allRooms(history),
        (event) => [{ ...event, accounts: { ...event.accounts, [first(event.accounts)]: 9_999 } }],
      ),
    )
  })
})

/** Whether nobody ever lost a right, so that everybody shows all rooms. */
function allRooms(history: History): boolean {
  return !history.some((event) => event.kind === 'rights' && event.audience === false)
}

/** Whether leaving this event out leaves a commit in the other of its two rooms only. */
function isHalf(history: History, { client, room, version, live, at }: Of<'shown'>, index: number): boolean {
  const before = lastBefore(
    history,
    index,
    'shown',
    (event) => event.client === client && event.room === room,
  )
  if (!live || before === undefined || !goesOn(history, history.indexOf(before), index, client, room))
    return false
  return history.some((event, i) => {
    if (event.kind !== 'shown' || event.client !== client || event.at !== at || event.room === room)
      return false
    if (!event.live || Math.abs(i - index) > 2) return false
    return history.some((commit) => {
      if (commit.kind !== 'commit') return false
      const here = commit.rooms[room]?.version
      const there = commit.rooms[event.room]?.version
      if (here === undefined || there === undefined) return false
      return here > before.version && here <= version && there <= event.version
    })
  })
}
