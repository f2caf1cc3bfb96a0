import { describe, expect, it } from 'vitest'
import { decideLife, type LifeEvent, type LifeState, type LifeStep, lifeTable } from './life.ts'

const away: LifeState = { kind: 'away', logoutAt: 1_000 }
const hello: LifeEvent = { kind: 'hello' }
const lost: LifeEvent = { kind: 'lost', logoutMs: 10_000 }
const alarm: LifeEvent = { kind: 'alarm' }
const close: LifeEvent = { kind: 'close' }

describe('the life of a session', () => {
  it.each<[string, LifeState, LifeEvent, number, LifeStep]>([
    ['begins with the first hello', { kind: 'issued' }, hello, 0, [{ kind: 'connected' }]],
    [
      'goes on when a newer connection replaces the older',
      { kind: 'connected' },
      hello,
      0,
      [{ kind: 'connected' }],
    ],
    [
      'is without a connection when its last one ends',
      { kind: 'connected' },
      lost,
      500,
      [{ kind: 'away', logoutAt: 10_500 }, 'disconnected'],
    ],
    ['is restored by coming back', away, hello, 999, [{ kind: 'connected' }, 'restored']],
    ['does not end before its time', away, alarm, 999, [away]],
    ['ends when it did not come back in time', away, alarm, 1_000, [{ kind: 'gone' }, 'logged_out']],
    ['ends with the server', { kind: 'connected' }, close, 0, [{ kind: 'gone' }, 'disconnected']],
    ['is not logged out by the end of the server', away, close, 0, [{ kind: 'gone' }]],
  ])('S2: %s', (_what, state, event, now, step) => {
    expect(decideLife(state, event, now)).toEqual(step)
  })

  it('S2: ends for good, and never twice', () => {
    const gone: LifeState = { kind: 'gone' }
    for (const event of [hello, lost, alarm, close]) expect(decideLife(gone, event, 5_000)).toEqual([gone])
  })

  it('S2: tells disconnected and restored by turns, and logged_out last, whatever happens', () => {
    const kinds = Object.keys(lifeTable)
    expect(kinds).toEqual(['issued', 'connected', 'away', 'gone'])
    let seed = 1
    const pick = (n: number): number => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % n
    }
    for (let run = 0; run < 500; run++) {
      let state: LifeState = { kind: 'issued' }
      let now = 0
      const told: string[] = []
      for (let i = 0; i < 30; i++) {
        now += pick(8_000)
        const event = [hello, lost, alarm, close][pick(i > 20 ? 4 : 3)] ?? hello
        const [next, ...effects]: LifeStep = decideLife(state, event, now)
        state = next
        told.push(...effects)
      }
      expect(told.join()).toMatch(/^(disconnected,restored,?)*(disconnected)?(,?logged_out)?$/)
    }
  })
})
