import { describe, expect, it } from 'vitest'
import type { Lock, LockClaim, LockQuestion, Locks, Place } from './lock.ts'
import type { LockBounds } from './table.ts'

export interface LocksSetup {
  readonly locks: Locks
  /** Lets time go by, and what is due happen. */
  advance(ms: number): Promise<void>
  /** Resolves when everything that was asked for has come to the readers. */
  settled(): Promise<void>
}

/** Bounds that the suite asks a factory for. */
export const testBounds: LockBounds = { locksMax: 40, locksPerSessionMax: 10, lockWaitersMax: 4 }

const item: Place = { channel: 'project/1', resource: 'items/17' }

/** What every keeper of locks must do. `setup` gives a new one with `testBounds`, `locks.close` ends it. */
export function runLockTests(name: string, setup: () => Promise<LocksSetup>): void {
  describe(`${name} as locks`, () => {
    const withLocks = async (run: (scene: Scene) => Promise<void>): Promise<void> => {
      const scene = new Scene(await setup())
      try {
        await run(scene)
      } finally {
        scene.locks.close()
      }
    }

    it('K2, G8: gives a place to one session at a time', () =>
      withLocks(async ({ locks, take, holder }) => {
        const lock = await take('a', { doing: 'editing' })
        expect(lock).toMatchObject({ ...item, session: 'a', by: 'user of a', doing: 'editing' })
        await expect(take('b')).rejects.toMatchObject({ code: 'lock_held' })
        expect(await holder()).toBe('a')
        await locks.release(item, 'a')
        expect(await holder()).toBeUndefined()
        await take('b')
        expect(await holder()).toBe('b')
      }))

    it('K2: keeps places apart by channel and by name, whatever the names are', () =>
      withLocks(async ({ locks, take, settled }) => {
        const names = ['items/17', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'ü 🔒']
        for (const resource of names) await take(`session of ${resource}`, { resource })
        await take('other', { channel: '__proto__' })
        await settled()
        expect(
          locks
            .current('project/1')
            .map(({ resource }) => resource)
            .sort(),
        ).toEqual([...names].sort())
        expect(locks.current('__proto__')).toHaveLength(1)
        expect(locks.current('project/2')).toEqual([])
        expect(locks.current('project/1', ['__proto__', 'nothing'])).toHaveLength(1)
        await expect(take('x', { resource: '__proto__' })).rejects.toMatchObject({ code: 'lock_held' })
      }))

    it('K2, K3: renews one’s own lock under the same token, and tells others what it is for now', () =>
      withLocks(async ({ take, locks, settled, changes, advance }) => {
        const first = await take('a', { doing: 'editing', leaseMs: 1_000 })
        await advance(600)
        const again = await take('a', { doing: 'moving', leaseMs: 1_000 })
        expect(again).toEqual({ ...first, doing: 'moving' })
        await advance(600)
        expect(locks.current('project/1')).toEqual([again])
        await settled()
        expect(changes.length).toBe(2)
        await take('a', {})
        await advance(3_600_000)
        expect(locks.current('project/1')).toHaveLength(1)
      }))

    it('K4: gives tokens that rise per place, also over releases, leases and waits', () =>
      withLocks(async ({ locks, take, advance }) => {
        const tokens: number[] = []
        for (let i = 0; i < 20; i++) {
          tokens.push((await take('a')).token)
          const waits = take('b', { waitMs: 1_000, leaseMs: 1_000 })
          await locks.release(item, 'a')
          tokens.push((await waits).token)
          await advance(1_200)
        }
        expect(tokens).toEqual([...new Set(tokens)].sort((x, y) => x - y))
        for (const token of tokens) expect(Number.isSafeInteger(token)).toBe(true)
      }))

    it('K3: frees a place when its lease is over, not before, and tells of it', () =>
      withLocks(async ({ take, holder, advance, changes }) => {
        await take('a', { leaseMs: 2_000 })
        await advance(1_900)
        expect(await holder()).toBe('a')
        await advance(300)
        expect(await holder()).toBeUndefined()
        expect(changes).toEqual([item, item])
      }))

    it('K2: lets only the holder let go', () =>
      withLocks(async ({ locks, take, holder }) => {
        await take('a')
        await expect(locks.release(item, 'b')).rejects.toMatchObject({ code: 'not_holder' })
        await expect(locks.release({ ...item, resource: 'x' }, 'a')).rejects.toMatchObject({
          code: 'not_holder',
        })
        await expect(locks.answer(item, 'b', 'a', true)).rejects.toMatchObject({ code: 'not_holder' })
        expect(await holder()).toBe('a')
      }))

    it('K5: hands a lock to those who wait in the order they came', () =>
      withLocks(async ({ locks, take, holder, settled }) => {
        await take('a')
        const order: string[] = []
        for (const session of ['b', 'c', 'd']) {
          void take(session, { waitMs: 60_000 }).then(() => order.push(session))
          await settled()
        }
        for (const session of ['a', 'b', 'c', 'd']) {
          expect(await holder()).toBe(session)
          await locks.release(item, session)
        }
        await settled()
        expect(order).toEqual(['b', 'c', 'd'])
        expect(await holder()).toBeUndefined()
      }))

    it('K5: ends a wait at its time, and gives the place up for good', () =>
      withLocks(async ({ locks, take, holder, advance, outcome }) => {
        await take('a')
        const waits = outcome(take('b', { waitMs: 5_000 }))
        await advance(4_900)
        expect(waits.value).toBeUndefined()
        await advance(300)
        expect(waits.value).toBe('lock_held')
        await locks.release(item, 'a')
        expect(await holder()).toBeUndefined()
      }))

    it('K5: lets who waits give up, and lets it ask anew without losing its place', () =>
      withLocks(async ({ locks, take, holder, settled, outcome }) => {
        await take('a')
        const given = outcome(take('b', { waitMs: 60_000 }))
        await settled()
        await locks.release(item, 'b')
        await settled()
        expect(given.value).toBe('lock_held')
        const first = outcome(take('c', { waitMs: 60_000 }))
        await settled()
        void take('d', { waitMs: 60_000 }).catch(() => {})
        await settled()
        const second = outcome(take('c', { waitMs: 60_000, doing: 'moving' }))
        await settled()
        expect(first.value).toBe('lock_held')
        await locks.release(item, 'a')
        await settled()
        expect(second.value).toBe('held')
        expect(await holder()).toBe('c')
      }))

    it('K6: asks the holder, whose yes hands the lock over before others who wait', () =>
      withLocks(async ({ locks, take, holder, settled, questions }) => {
        await take('a')
        void take('b', { waitMs: 60_000 }).catch(() => {})
        await settled()
        const asks = take('c', { waitMs: 60_000, ask: true, doing: 'moving' })
        await settled()
        expect(questions).toEqual([
          { ...item, holder: 'a', session: 'c', by: 'user of c', doing: 'moving', waitMs: 60_000 },
        ])
        await locks.answer(item, 'a', 'c', true)
        expect((await asks).session).toBe('c')
        await locks.release(item, 'c')
        expect(await holder()).toBe('b')
      }))

    it('K6: a no ends the wait at once, and changes nothing where it comes too late', () =>
      withLocks(async ({ locks, take, holder, settled, outcome, advance }) => {
        await take('a')
        const asks = outcome(take('b', { waitMs: 60_000, ask: true }))
        await settled()
        await locks.answer(item, 'a', 'b', false)
        await settled()
        expect(asks.value).toBe('lock_held')
        const late = outcome(take('b', { waitMs: 1_000, ask: true }))
        await advance(1_200)
        expect(late.value).toBe('lock_held')
        await locks.answer(item, 'a', 'b', false)
        // Who only waits has not asked.
        const waits = outcome(take('b', { waitMs: 1_000 }))
        await settled()
        await locks.answer(item, 'a', 'b', false)
        await settled()
        expect(waits.value).toBeUndefined()
        expect(await holder()).toBe('a')
      }))

    it('K6: a yes lets go in any case, to whoever is next where it comes too late', () =>
      withLocks(async ({ locks, take, holder, settled, outcome, advance }) => {
        await take('a')
        const asks = outcome(take('b', { waitMs: 1_000, ask: true }))
        const waits = outcome(take('c', { waitMs: 60_000 }))
        await advance(1_200)
        expect(asks.value).toBe('lock_held')
        await locks.answer(item, 'a', 'b', true)
        await settled()
        expect([waits.value, await holder()]).toEqual(['held', 'c'])
        await locks.answer(item, 'c', 'b', true)
        expect(locks.current(item.channel)).toEqual([])
      }))

    it('K6: who asked the last holder asks the next one', () =>
      withLocks(async ({ locks, take, settled, questions }) => {
        await take('a')
        void take('b', { waitMs: 60_000 }).catch(() => {})
        await settled()
        void take('c', { waitMs: 60_000, ask: true }).catch(() => {})
        await settled()
        await locks.release(item, 'a')
        await settled()
        expect(questions.map(({ holder, session }) => `${session} asks ${holder}`)).toEqual([
          'c asks a',
          'c asks b',
        ])
      }))

    it('K8: a session that leaves has no lock and waits for none, in that channel or anywhere', () =>
      withLocks(async ({ locks, take, settled, outcome, holder }) => {
        await take('a', { resource: 'x' })
        await take('a', { channel: 'project/2' })
        await take('b')
        const waits = outcome(take('a', { waitMs: 60_000 }))
        await settled()
        await locks.leave('a', 'project/1')
        await settled()
        expect(waits.value).toBe('lock_held')
        expect(locks.current('project/1').map(({ session }) => session)).toEqual(['b'])
        expect(locks.current('project/2')).toHaveLength(1)
        await locks.leave('a')
        await locks.leave('a')
        await settled()
        expect(locks.current('project/2')).toEqual([])
        await locks.release(item, 'b')
        expect(await holder()).toBeUndefined()
        expect(locks.status()).toEqual({ held: 0, waiting: 0 })
      }))

    it('G9: tells the locks of a user, whose ids come as numbers and as texts', () =>
      withLocks(async ({ locks, take, settled }) => {
        await take('a', { user: { id: 7 } })
        await take('b', { user: { id: '7' }, resource: 'x' })
        await take('c', { user: { id: 8 }, resource: 'y' })
        await settled()
        for (const id of [7, '7']) {
          expect(
            locks
              .ofUser(id)
              .map(({ session }) => session)
              .sort(),
          ).toEqual(['a', 'b'])
        }
      }))

    it('G12, K9: holds its bounds: of a session, of a queue, and of all together', () =>
      withLocks(async ({ locks, take, settled }) => {
        for (let i = 0; i < 10; i++) await take('a', { resource: `a${i}` })
        await expect(take('a', { resource: 'one more' })).rejects.toMatchObject({ code: 'too_many' })
        await expect(take('b', { resource: 'a0' })).rejects.toMatchObject({ code: 'lock_held' })
        for (let i = 0; i < 4; i++) {
          void take(`w${i}`, { resource: 'a0', waitMs: 60_000 }).catch(() => {})
          await settled()
        }
        await expect(take('w4', { resource: 'a0', waitMs: 60_000 })).rejects.toMatchObject({
          code: 'too_many',
        })
        for (let i = 14; i < 40; i++) await take(`s${i}`, { resource: `s${i}` })
        await expect(take('s40', { resource: 's40' })).rejects.toMatchObject({ code: 'unavailable' })
        // What one holds can be renewed, and room comes back.
        await take('a', { resource: 'a0' })
        await locks.leave('a')
        await settled()
        expect(locks.status()).toEqual({ held: 27, waiting: 3 })
        await take('s40', { resource: 's40' })
      }))

    it('K5: ends all waits when it closes', () =>
      withLocks(async ({ locks, take, settled, outcome }) => {
        await take('a')
        const waits = outcome(take('b', { waitMs: 60_000 }))
        await settled()
        locks.close()
        await settled()
        expect(waits.value).toBe('restarting')
      }))

    it('G8, K4: under random use has one holder per place, rising tokens, and nothing left at the end', () =>
      withLocks(async ({ locks, take, advance, settled }) => {
        let seed = 7
        const pick = (n: number): number => {
          seed = (seed * 48_271) % 2_147_483_647
          return seed % n
        }
        const last = new Map<string, number>()
        for (let step = 0; step < 600; step++) {
          const place = { channel: `project/${pick(2)}`, resource: `items/${pick(4)}` }
          const session = `s${pick(6)}`
          const other = `s${pick(6)}`
          const action = pick(10)
          const claim = { ...place, waitMs: pick(2) * 2_000, ...(pick(3) === 0 && { leaseMs: 1_500 }) }
          if (action < 5) {
            void take(session, { ...claim, ask: claim.waitMs > 0 && pick(2) === 0 }).then(
              ({ token, session: holder }) => {
                expect(holder).toBe(session)
                const key = `${place.channel} ${place.resource}`
                expect(token).toBeGreaterThanOrEqual(last.get(key) ?? 0)
                last.set(key, token)
              },
              () => {},
            )
          } else if (action < 7) await locks.release(place, session).catch(() => {})
          else if (action === 7) await locks.answer(place, session, other, pick(2) === 0).catch(() => {})
          else if (action === 8) await locks.leave(session, pick(2) === 0 ? place.channel : undefined)
          else await advance(pick(1_000))
          await settled()
          for (const channel of ['project/0', 'project/1']) {
            const places = locks.current(channel).map(({ resource }) => resource)
            expect(new Set(places).size).toBe(places.length)
          }
        }
        for (let i = 0; i < 6; i++) await locks.leave(`s${i}`)
        await settled()
        expect(locks.status()).toEqual({ held: 0, waiting: 0 })
      }))
  })
}

/** One keeper of locks and what it tells. */
class Scene {
  readonly locks: Locks
  readonly advance: (ms: number) => Promise<void>
  readonly settled: () => Promise<void>
  readonly changes: Place[] = []
  readonly questions: LockQuestion[] = []

  constructor({ locks, advance, settled }: LocksSetup) {
    this.locks = locks
    this.advance = advance
    this.settled = settled
    locks.onChange({
      changed: ({ channel, resource }) => this.changes.push({ channel, resource }),
      asked: (question) => this.questions.push(question),
    })
  }

  take = (session: string, claim: Partial<LockClaim> = {}): Promise<Lock> =>
    this.locks.take({
      ...item,
      session,
      user: { id: session },
      by: `user of ${session}`,
      doing: '',
      leaseMs: undefined,
      waitMs: 0,
      ask: false,
      ...claim,
    })

  holder = async (): Promise<string | undefined> => {
    await this.settled()
    return this.locks.current(item.channel, [item.resource])[0]?.session
  }

  /** What came of a request so far: `held`, a code, or nothing yet. */
  outcome = (taken: Promise<Lock>): { value: string | undefined } => {
    const outcome: { value: string | undefined } = { value: undefined }
    taken.then(
      () => {
        outcome.value = 'held'
      },
      ({ code }) => {
        outcome.value = code
      },
    )
    return outcome
  }
}
