import { describe, expect, test } from 'vitest'
import { check } from '../checks/checks.ts'
import { correctHistory } from '../history/correct.testing.ts'
import type { HistoryEvent } from '../history/history.ts'
import { story } from './story.ts'

const deadlines = { silentMs: 40_000, releaseMs: 40_000, ghostMs: 60_000 }
const position = { kind: 'position', client: 'ann', room: 'red', epoch: 'e1' } as const
const rows = { entries: [], memos: [], counters: {}, live: true } as const

const history: readonly HistoryEvent[] = [
  { kind: 'begin', at: 0, rooms: { red: { '1': 100 } }, clients: { ann: 'ann', bob: 'bob' } },
  { kind: 'rights', at: 0, user: 'ann', room: 'red', audience: 'guest', settled: true },
  { kind: 'page', at: 10, client: 'ann', what: 'opened', session: 's1' },
  { kind: 'page', at: 10, client: 'bob', what: 'opened', session: 's2' },
  { kind: 'subscription', at: 20, client: 'ann', room: 'red', what: 'asked' },
  { kind: 'subscription', at: 40, client: 'ann', room: 'red', what: 'granted' },
  { ...position, at: 40, type: 'snapshot', lsn: 500 },
  { ...position, at: 40, type: 'live', lsn: 510 },
  { kind: 'shown', at: 40, client: 'ann', room: 'red', version: 0, accounts: { '1': 100 }, ...rows },
  { kind: 'write', at: 50, client: 'bob', write: 'w-long-name-17', room: 'red', counter: 'k' },
  {
    kind: 'commit',
    at: 60,
    commit: 't1',
    write: 'w-long-name-17',
    rooms: { red: { version: 1, accounts: { '1': 90 } } },
  },
  { kind: 'fault', at: 70, fault: 'cut', of: 'ann' },
  { kind: 'told', at: 70, client: 'ann', state: 'offline' },
  { kind: 'commit', at: 1_080, commit: 't2', rooms: { red: { version: 2, accounts: { '1': 80 } } } },
  { kind: 'subscription', at: 1_090, client: 'ann', room: 'red', what: 'asked', epoch: 'e1', lsn: 510 },
  { kind: 'subscription', at: 1_100, client: 'ann', room: 'red', what: 'granted' },
  { ...position, at: 1_100, type: 'transaction', lsn: 520, prev: 500 },
  { ...position, at: 1_100, type: 'transaction', lsn: 530, prev: 520 },
  { ...position, at: 1_100, type: 'live', lsn: 530 },
  {
    kind: 'shown',
    at: 1_100,
    client: 'ann',
    room: 'red',
    version: 2,
    accounts: { '1': 90 },
    ...rows,
    entries: ['t1', 't2'],
  },
]

describe('a story', () => {
  test('tells who said what to whom, and where it broke', () => {
    expect(`\n${story(history, check(history, deadlines), { width: 100 })}\n`).toMatchInlineSnapshot(`
      "
      G2 is broken: ann shows red at version 2, but of its accounts 1 is 90 instead of 80

            s            ann                   bob                  node                postgres
                          |                     |                     |                     |
        0.010             | * opens a page      |                     |                     |
                          |                     | * opens a page      |                     |
        0.020             |-------------- subscribe red ------------->|                     |
        0.040             |<------- red: snapshot p1, live p2 --------|                     |
                          | * shows red v0      |                     |                     |
        0.050             |                     |- write e-17: rais… >|                     |
        0.060             |                     |                     |--- e-17: red v1 --->|
        0.070             | !! cut              |                     |                     |
                          | * told: offline     |                     |                     |
        1.080             |                     |                     |     * commit red v2 |
        1.090             |---------- subscribe red from p2 --------->|                     |
        1.100             |<------- red: 2 tx to p4, live p4 ---------|                     |
                          | * shows red v2 with accounts 1: 90        |                     |
                          | !! G2: ann shows red at version 2, but of its accounts 1 is 90 instead of 80
                          | !! G5: ann shows 90 in all rooms together instead of 100        |
      "
    `)
  })

  test('is no wider and not much longer than it may be, with the violation at its end', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const correct = correctHistory(seed)
      const broken = correct.map((event, i) =>
        event.kind === 'shown' && i > 400 ? { ...event, accounts: { ...event.accounts, '9': 5 } } : event,
      )
      const text = story(broken, check(broken, deadlines))
      const lines = text.split('\n')
      expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(110)
      expect(lines.length).toBeLessThan(80)
      if (text.startsWith('G2')) expect(lines.slice(-8).join('\n')).toContain('!! G2')
    }
  })

  test('of a run in which nothing was broken says so', () => {
    expect(story(correctHistory(1, 3), [])).toContain('Nothing was broken.')
  })
})
