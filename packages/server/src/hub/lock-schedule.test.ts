import type { Asked, Locked, ServerMessage } from '@lockstep/protocol'
import { describe, expect, test } from 'vitest'
import { Room, settle, type Visitor } from './room.setup.ts'

const sessions = 500
const resources = 60
const channels = ['room/1', 'room/2', 'room/3']

/** What a client would show: who holds what, by what it was told. */
class Watcher {
  readonly shown = new Map<string, { session: string; token: number }>()

  hear(message: ServerMessage): void {
    if (message.type === 'current_locks') {
      for (const name of [...this.shown.keys()])
        if (name.startsWith(`${message.channel} `)) this.shown.delete(name)
      for (const { resource, session, token } of message.locks) {
        this.shown.set(`${message.channel} ${resource}`, { session, token })
      }
    } else if (message.type === 'locks') {
      for (const { resource, session, token } of message.taken) {
        this.shown.set(`${message.channel} ${resource}`, { session, token })
      }
      for (const resource of message.freed) this.shown.delete(`${message.channel} ${resource}`)
    }
  }
}

/** Takes in what is for this visitor alone; what all are told, 500 need not read. */
function readOnlyOwn(visitor: Visitor, granted: (message: Locked) => void): void {
  visitor.send = ({ frames }) => {
    for (const { bytes, payloadStart } of frames) {
      const start = bytes.toString('latin1', payloadStart, payloadStart + 16)
      if (start !== '{"type":"locked"' && start !== '{"type":"asked",') continue
      const message: Locked | Asked = JSON.parse(bytes.toString('utf8', payloadStart))
      if (message.type === 'locked') granted(message)
      else visitor.got.push(message)
    }
    return true
  }
}

/** Who holds what as the sessions themselves know it: by what they were answered, did and must know is over. */
class Beliefs {
  readonly #held = new Map<string, { session: string; until: number }>()

  /** A session is answered that it holds a lock since `at`, until `until`: nobody else may believe so then. */
  granted(name: string, session: string, at: number, until: number): void {
    const other = this.#held.get(name)
    const isOver = other === undefined || other.session === session || at >= other.until
    if (!isOver) throw new Error(`G8: ${name} is still held by ${other.session} when ${session} gets it`)
    this.#held.set(name, { session, until })
  }

  /** It lets a lock go. */
  ends(name: string, session: string): void {
    if (this.#held.get(name)?.session === session) this.#held.delete(name)
  }

  /** It leaves one channel, or all. */
  leaves(session: string, channel = ''): void {
    for (const [name, held] of this.#held)
      if (held.session === session && name.startsWith(channel)) this.#held.delete(name)
  }
}

/** 500 sessions that come and go at random, lock and unlock, until `taken` locks have been held. */
async function run(seed: number, taken: number): Promise<void> {
  const room = new Room({ logoutMs: 10_000, connectionsMax: 2_000 })
  // The room's own runtime decides everything, from its seed.
  for (let i = 0; i < seed; i++) room.runtime.random()
  const pick = (n: number): number => Math.floor(room.runtime.random() * n)
  const visitors = new Map<number, Visitor>()
  const watcher = new Watcher()
  const tokens = new Map<string, number>()
  const beliefs = new Beliefs()
  const faults: string[] = []
  /** Of what each session asked for last. */
  const leases = new Map<string, number | undefined>()
  let holds = 0

  /** What the answers say: each lock under a higher token than the last of its place, and after it. */
  const granted = (session: string, { channel, resource, token }: Locked): void => {
    const name = `${channel} ${resource}`
    const last = tokens.get(name) ?? 0
    if (token < last) faults.push(`K4: ${name} has token ${token} after ${last}`)
    const isRenewed = token === last
    if (!isRenewed) holds++
    tokens.set(name, token)
    // The clock may have gone on before the answer is read; a lease may even be over by then.
    const [lock] = room.locks.current(channel, [resource])
    if (lock?.session !== session) return
    const at = isRenewed ? room.runtime.now() : lock.at
    const leaseMs = leases.get(`${session} ${name}`) ?? Number.POSITIVE_INFINITY
    try {
      beliefs.granted(name, session, at, at + leaseMs)
    } catch (error) {
      faults.push(String(error))
    }
  }
  const join = async (number: number): Promise<Visitor> => {
    const visitor = room.join(`s${number}`)
    visitors.set(number, visitor)
    if (number !== sessions) readOnlyOwn(visitor, (message) => granted(`s${number}`, message))
    for (const channel of channels) await visitor.subscribe(channel)
    return visitor
  }
  const look = await join(sessions)
  await settle()
  for (let step = 0; holds < taken; step++) {
    const number = pick(sessions)
    const visitor = visitors.get(number)
    const place = { channel: channels[pick(3)] ?? '', resource: `items/${pick(resources)}` }
    const action = pick(100)
    if (visitor === undefined) await join(number)
    else if (action < 48) {
      const waitMs = pick(3) === 0 ? 2_000 : 0
      const ask = waitMs > 0 && pick(2) === 0
      const leaseMs = pick(4) === 0 ? { leaseMs: 1_000 + pick(5_000) } : {}
      leases.set(`s${number} ${place.channel} ${place.resource}`, leaseMs.leaseMs)
      void room.hub.beside.locking.lock(visitor.connection, {
        type: 'lock',
        id: 1,
        ...place,
        waitMs,
        ask,
        ...leaseMs,
      })
    } else if (action < 82) {
      // Mostly whoever holds it; now and then somebody else tries.
      const [held] = pick(10) === 0 ? [] : room.locks.current(place.channel, [place.resource])
      const holder = visitors.get(Number(held?.session.slice(1))) ?? visitor
      beliefs.ends(`${place.channel} ${place.resource}`, held?.session ?? `s${number}`)
      void room.hub.beside.locking.unlock(holder.connection, { type: 'unlock', id: 2, ...place })
    } else if (action < 88) {
      const asked = visitor.got.find((message) => message.type === 'asked')
      if (asked !== undefined) {
        visitor.got.length = 0
        const { channel, resource, session } = asked
        const answer = { type: 'answer', id: 3, channel, resource, session, yield: pick(2) === 0 } as const
        if (answer.yield) beliefs.ends(`${channel} ${resource}`, `s${number}`)
        void room.hub.beside.locking.answer(visitor.connection, answer)
      }
    } else if (action < 93) {
      beliefs.leaves(`s${number}`)
      room.hub.disconnect(visitor.connection)
      visitors.delete(number)
    } else if (action < 95) {
      await join(number) // a newer connection replaces this one
      room.hub.disconnect(visitor.connection)
    } else if (action < 97) {
      beliefs.leaves(`s${number}`, place.channel)
      room.hub.unsubscribe(visitor.connection, place.channel)
    } else if (action < 98) await visitor.subscribe(place.channel)
    else room.runtime.advance(pick(1_500))
    await settle()
    if (step % 4 === 0) {
      room.runtime.endTurn()
      // The one who only looks is slow at times.
      if (pick(10) === 0) look.connection.full = true
      if (pick(5) === 0) look.read()
    }
    for (const message of look.got) watcher.hear(message)
    look.got.length = 0
    const held = channels.flatMap((channel) => room.locks.current(channel))
    const names = held.map(({ channel, resource }) => `${channel} ${resource}`)
    expect(new Set(names).size, 'G8: one holder').toBe(names.length)
    expect(faults).toEqual([])
  }
  room.runtime.endTurn()
  look.read()
  await settle()
  for (const message of look.got) watcher.hear(message)
  const held = channels.flatMap((channel) => room.locks.current(channel))
  const truth = held.map(({ channel, resource, session, token }) => [
    `${channel} ${resource}`,
    { session, token },
  ])
  expect(Object.fromEntries(watcher.shown), 'G8: others see it').toEqual(Object.fromEntries(truth))
  // All go: some say so, some fall silent.
  for (const [number, visitor] of visitors) {
    if (number % 2 === 0) room.hub.disconnect(visitor.connection)
    else {
      visitor.ping = () => {}
      visitor.terminate = () => room.hub.disconnect(visitor.connection)
    }
  }
  room.runtime.advance(30_000)
  await settle()
  expect(room.locks.status(), 'G8: none left within two heartbeats').toEqual({ held: 0, waiting: 0 })
  room.runtime.advance(10_000)
  expect(room.sessions.size, 'S2: every session is logged out').toBe(0)
}

describe('locks under random schedules', () => {
  test('G8, K4, K8: 10,000 locks of 500 sessions that come and go: one holder, rising tokens, none left', async () => {
    for (const [seed, taken] of [
      [1, 10_000],
      [2, 1_000],
      [3, 1_000],
    ] as const) {
      try {
        await run(seed, taken)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
      }
    }
  }, 240_000)
})
