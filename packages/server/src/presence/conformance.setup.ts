import { describe, expect, it } from 'vitest'
import type { Presence } from './presence.ts'

export interface PresenceSetup {
  readonly presence: Presence
  /** Resolves when everything that was said has come to the readers. */
  settled(): Promise<void>
  close(): Promise<void>
}

/** The bound that the suite asks a factory for. */
export const testBounds = { presenceMax: 3 }

/** What every keeper of presence must do. `setup` gives a new one with `testBounds`. */
export function runPresenceTests(name: string, setup: () => Promise<PresenceSetup>): void {
  describe(`${name} as presence`, () => {
    const withPresence = async (
      run: (made: PresenceSetup & { changes: string[]; names(channel?: string): string[] }) => Promise<void>,
    ): Promise<void> => {
      const made = await setup()
      const changes: string[] = []
      made.presence.onChange({ changed: (channel, session) => changes.push(`${channel} ${session}`) })
      const names = (channel = 'a') => made.presence.current(channel).map(({ session }) => session)
      try {
        await run({ ...made, changes, names })
      } finally {
        await made.close()
      }
    }

    it('N1: tells who is where, and of each who comes and goes', () =>
      withPresence(async ({ presence, settled, changes, names }) => {
        await presence.enter('a', 's1', { name: 'Alice' })
        await presence.enter('b', 's1', { name: 'Alice' })
        await presence.enter('a', 's2', null)
        await settled()
        expect(names()).toEqual(['s1', 's2'])
        expect(presence.current('a', ['s1', 'nobody'])).toMatchObject([
          { channel: 'a', session: 's1', by: { name: 'Alice' }, state: null, at: expect.any(Number) },
        ])
        await presence.leave('s1', 'a')
        await presence.leave('s1', 'a')
        await settled()
        expect(names()).toEqual(['s2'])
        expect(names('b')).toEqual(['s1'])
        await presence.leave('s1')
        await presence.leave('s2')
        await presence.leave('nobody')
        await settled()
        expect(presence.status()).toEqual({ present: 0 })
        expect(changes).toEqual(['a s1', 'b s1', 'a s2', 'a s1', 'b s1', 'a s2'])
      }))

    it('N2: keeps what a session says of itself, while it is there', () =>
      withPresence(async ({ presence, settled, names }) => {
        await presence.update('a', 's1', { page: 'early' })
        await presence.enter('a', 's1', null)
        await presence.update('a', 's1', { page: 'backlog' })
        await presence.update('b', 's1', { page: 'elsewhere' })
        await presence.enter('a', 's1', 'another name')
        await settled()
        expect(names()).toEqual(['s1'])
        expect(presence.current('a')).toMatchObject([{ by: 'another name', state: { page: 'backlog' } }])
        await presence.leave('s1')
        await presence.enter('a', 's1', null)
        await settled()
        expect(presence.current('a')).toMatchObject([{ state: null }])
      }))

    it('N1: takes any name for a plain one', () =>
      withPresence(async ({ presence, settled, names }) => {
        for (const name of ['__proto__', 'constructor', 'toString']) {
          await presence.enter(name, name, null)
          await presence.update(name, name, JSON.parse('{"__proto__": {"polluted": true}}'))
        }
        await settled()
        expect(names('__proto__')).toEqual(['__proto__'])
        expect(names('valueOf')).toEqual([])
        expect(JSON.stringify(presence.current('toString')[0]?.state)).toBe('{"__proto__":{"polluted":true}}')
      }))

    it('N4, G12: tells a bounded number by name and how many more, and fills places that become free', () =>
      withPresence(async ({ presence, settled, names, changes }) => {
        for (let i = 1; i <= 5; i++) await presence.enter('a', `s${i}`, null)
        await presence.update('a', 's5', 'kept for later')
        await settled()
        expect(names()).toEqual(['s1', 's2', 's3'])
        expect(presence.unlisted('a')).toBe(2)
        changes.length = 0
        await presence.leave('s2')
        await presence.leave('s4')
        await settled()
        expect(names().sort()).toEqual(['s1', 's3', 's5'])
        expect(changes).toContain('a s5')
        expect(presence.current('a', ['s5'])).toMatchObject([{ state: 'kept for later' }])
        expect(presence.unlisted('a')).toBe(0)
        expect(presence.status()).toEqual({ present: 3 })
      }))
  })
}
