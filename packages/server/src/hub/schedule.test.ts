import {
  encodePosition,
  type Position,
  parsePosition,
  type ServerMessage,
  type TransactionMessage,
} from '@lockstep/protocol'
import { describe, expect, test } from 'vitest'
import { compileSync } from '../definition/compile.ts'
import { defineSync } from '../definition/define.ts'
import { defaultLimits } from '../limits.ts'
import { encodeFrame, type Frame } from '../log/frame.ts'
import { MemoryLog } from '../log/memory.ts'
import type { RoutedTransaction } from '../routing/routing.ts'
import { silentLogger } from '../runtime/logger.ts'
import { VirtualRuntime } from '../runtime/virtual.ts'
import { Sessions } from '../session/session.ts'
import type { Batch } from './batch.ts'
import type { Carrier } from './carrier.ts'
import type { Connection } from './connection.ts'
import { Hub } from './hub.ts'

const channels = ['room/1', 'room/2', 'room/3', 'room/4']
const total = 1_000

/** One room's row: a balance that transfers move between rooms, and a version that every change raises. */
interface Room {
  balance: number
  version: number
}

/** The database and the server over it, in one process and in virtual time. */
class World {
  readonly runtime: VirtualRuntime
  readonly log: MemoryLog
  readonly hub: Hub
  readonly rooms = new Map<string, Room>()
  readonly allowed = new Set(channels)
  lsn = 100
  epoch = 'e1'
  mutations = 0
  snapshots = 0

  constructor(seed: number) {
    this.runtime = new VirtualRuntime(seed)
    const sync = compileSync(
      defineSync({
        channels: { 'room/:room': { authorize: ({ channel }) => this.allowed.has(channel) } },
        collections: {
          rooms: { table: 'rooms', channel: 'room/:id', columns: ['id', 'balance', 'version'] },
        },
      }),
    )
    const limits = { ...defaultLimits, logBytesMax: 4_000, logTotalBytesMax: 12_000 }
    this.log = new MemoryLog({ viewCount: 1, runtime: this.runtime, limits })
    for (const channel of channels) this.rooms.set(channel, { balance: total / channels.length, version: 0 })
    this.log.append({ kind: 'epoch', epoch: this.epoch, lsn: this.lsn })
    this.hub = new Hub({
      sync,
      log: this.log,
      sessions: new Sessions(this.runtime, 10_000),
      runtime: this.runtime,
      logger: silentLogger,
      limits,
      snapshot: (channel) => this.snapshot(channel),
      barrier: async () => this.log.position.lsn,
      issueToken: () => ({ token: 'token', expiresAt: this.runtime.now() + 3_600_000 }),
      mayPass: () => false,
    })
  }

  async snapshot(channel: string): Promise<{ position: Position; frame: Frame }> {
    this.snapshots++
    const { position } = this.log
    const room = this.rooms.get(channel)
    const rows = room === undefined ? [] : [[1, room.balance, room.version]]
    const collections = { rooms: { columns: ['id', 'balance', 'version'], key: [0], rows } }
    const json = JSON.stringify({
      type: 'snapshot',
      channel,
      position: encodePosition(position),
      collections,
    })
    // Reading takes a few turns: changes get in between.
    const turns = this.pick(3)
    for (let i = 0; i < turns; i++) await null
    return { position, frame: encodeFrame(json) }
  }

  pick(n: number): number {
    return Math.floor(this.runtime.random() * n)
  }

  /** A transfer between two or three rooms in one commit. */
  commit(writer?: { session: string; mutation: string }): void {
    const from = channels[this.pick(channels.length)] ?? ''
    const to = channels[this.pick(channels.length)] ?? ''
    const amount = this.pick(10)
    const touched = new Map<string, Room>()
    for (const [channel, change] of [
      [from, -amount],
      [to, amount],
    ] as const) {
      const room = this.rooms.get(channel)
      if (room === undefined) continue
      room.balance += change
      room.version++
      touched.set(channel, room)
    }
    this.lsn += 1 + this.pick(50)
    const transaction: RoutedTransaction = {
      xid: this.lsn,
      lsn: this.lsn,
      at: this.runtime.now(),
      ...writer,
      channels: [...touched].map(([channel, room]) => ({
        channel,
        views: [`{"rooms":{"update":{"1":{"balance":${room.balance},"version":${room.version}}}}}`],
        // Now and then the rows cannot be told.
        ...(this.pick(60) === 0 ? { reset: 'truncated' as const } : {}),
      })),
    }
    this.log.append({ kind: 'transaction', transaction })
  }

  newEpoch(): void {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`
    this.lsn += 10
    this.log.append({ kind: 'epoch', epoch: this.epoch, lsn: this.lsn })
  }
}

/** A client that follows the protocol to the letter and fails at the first broken promise. */
class ModelClient implements Carrier {
  readonly world: World
  readonly session: string
  connection: Connection | undefined
  readonly rooms = new Map<string, Room>()
  readonly positions = new Map<string, Position>()
  readonly wanted = new Set<string>()
  /** Channels between `subscribed` or `reset` and `live`: what came for them so far. */
  readonly held = new Map<string, ServerMessage[]>()
  /** Subscribes not yet answered: what comes for these channels belongs to an older subscription. */
  readonly asked = new Map<string, number>()
  /** Channels of a reconnect that are not live yet: until they are, nothing is applied. */
  readonly resuming = new Set<string>()
  deferred: ServerMessage[] = []
  bundle: TransactionMessage[] = []
  bundleLeft = 0
  unread = 0
  capacity = 1_500
  requests = 0
  confirmed = new Set<string>()
  inbox: ServerMessage[] = []

  constructor(world: World, session: string) {
    this.world = world
    this.session = session
  }

  send(batch: Batch): boolean {
    for (const frame of batch.frames) {
      this.inbox.push(JSON.parse(frame.bytes.toString('utf8', frame.payloadStart)))
      this.unread += frame.bytes.length
    }
    return this.unread < this.capacity
  }

  ping(): void {
    this.connection?.heard()
  }

  moved(): boolean {
    return false
  }

  close(): void {
    this.lose()
  }

  terminate(): void {
    this.lose()
  }

  connect(): void {
    const { hub } = this.world
    this.connection = hub.connect(this)
    hub.welcome(this.connection, {
      session: this.session,
      user: { id: 1 },
      expiresAt: Number.POSITIVE_INFINITY,
    })
    for (const channel of this.wanted) {
      this.resuming.add(channel)
      this.#ask(channel)
    }
  }

  lose(): void {
    if (this.connection === undefined) return
    const { connection } = this
    this.connection = undefined
    this.world.hub.disconnect(connection)
    this.inbox = []
    this.held.clear()
    this.asked.clear()
    this.resuming.clear()
    this.deferred = []
    this.bundle = []
    this.bundleLeft = 0
    this.unread = 0
  }

  subscribe(channel: string): void {
    if (this.wanted.has(channel)) return
    this.wanted.add(channel)
    if (this.connection !== undefined) this.#ask(channel)
  }

  unsubscribe(channel: string): void {
    if (this.connection === undefined || this.held.has(channel) || this.resuming.has(channel)) return
    this.wanted.delete(channel)
    this.rooms.delete(channel)
    this.positions.delete(channel)
    this.deferred = this.deferred.filter((message) => !('channel' in message) || message.channel !== channel)
    this.world.hub.unsubscribe(this.connection, channel)
  }

  #ask(channel: string): void {
    if (this.connection === undefined) return
    this.held.set(channel, [])
    this.asked.set(channel, ++this.requests)
    void this.world.hub.subscribe(this.connection, this.requests, channel, this.positions.get(channel))
  }

  /** Reads what has arrived; room is made for more. */
  read(): void {
    const inbox = this.inbox
    this.inbox = []
    for (const message of inbox) this.#take(message)
    this.unread = 0
    this.connection?.drained()
  }

  #take(message: ServerMessage): void {
    if (message.type === 'bundle') {
      expect(this.bundleLeft, 'a bundle inside a bundle').toBe(0)
      this.bundleLeft = message.count
      return
    }
    if (this.bundleLeft > 0) {
      if (message.type !== 'transaction') throw new Error('a bundle was interrupted')
      this.bundle.push(message)
      if (--this.bundleLeft > 0) return
      const whole = this.bundle
      this.bundle = []
      expect(new Set(whole.map((part) => part.position)).size, 'one commit per bundle').toBe(1)
      for (const part of whole) this.#place(part)
    } else this.#place(message)
    if (this.resuming.size === 0) this.#applyDeferred()
    this.#checkWhole()
  }

  /** Puts a message where it is to be applied: at once, at its channel's `live`, or when all have resumed. */
  #place(message: ServerMessage): void {
    // While something is held back, a heartbeat would move positions past what is yet to be applied.
    if (message.type === 'heartbeat' && this.resuming.size > 0) return
    const channel = 'channel' in message ? message.channel : undefined
    if (message.type === 'subscribed' && this.asked.get(message.channel) === message.id)
      this.asked.delete(message.channel)
    if (channel !== undefined && (this.asked.has(channel) || !this.wanted.has(channel))) return
    if (message.type === 'reset' && channel !== undefined) {
      this.held.set(channel, [])
      if (this.positions.has(channel)) this.resuming.add(channel)
    }
    const held = channel === undefined ? undefined : this.held.get(channel)
    if (channel !== undefined && held !== undefined && message.type !== 'live') {
      held.push(message)
      return
    }
    if (message.type === 'live' && channel !== undefined) {
      this.deferred.push(...(held ?? []), message)
      this.held.delete(channel)
      this.resuming.delete(channel)
    } else if (message.type === 'error' && channel !== undefined) {
      throw new Error(`refused: ${message.error.code}`)
    } else this.deferred.push(message)
  }

  #applyDeferred(): void {
    const deferred = this.deferred
    this.deferred = []
    for (const message of deferred) this.#apply(message)
  }

  #apply(message: ServerMessage): void {
    switch (message.type) {
      case 'snapshot': {
        const row = message.collections.rooms?.rows[0]
        this.rooms.set(message.channel, { balance: Number(row?.[1]), version: Number(row?.[2]) })
        this.#moveTo(message.channel, message.position)
        break
      }
      case 'transaction': {
        const mine = this.positions.get(message.channel)
        const prev = parsePosition(message.prev)
        const position = parsePosition(message.position)
        if (!this.wanted.has(message.channel)) return
        expect(mine?.epoch, 'G7: same epoch').toBe(position.epoch)
        expect(prev.lsn, 'G2: no hole').toBeLessThanOrEqual(mine?.lsn ?? -1)
        expect(position.lsn, 'G4, G3: in order, once').toBeGreaterThan(mine?.lsn ?? -1)
        const change = message.changes.rooms?.update?.['1']
        const room = this.rooms.get(message.channel)
        const [balance, version] = [Number(change?.balance), Number(change?.version)]
        // A transfer from a room to itself raises the version twice.
        expect(version - (room?.version ?? 0), 'G2: no version is skipped').toBeLessThanOrEqual(2)
        this.rooms.set(message.channel, { balance, version })
        this.#moveTo(message.channel, message.position)
        break
      }
      case 'live':
        this.#moveTo(message.channel, message.position)
        break
      case 'heartbeat':
        for (const channel of this.wanted) {
          if (this.positions.has(channel) && !this.held.has(channel)) this.#moveTo(channel, message.position)
        }
        break
      case 'confirmed':
        this.confirmed.add(message.mutation)
        break
      default:
    }
  }

  #moveTo(channel: string, text: string): void {
    const position = parsePosition(text)
    const mine = this.positions.get(channel)
    if (mine?.epoch === position.epoch) expect(position.lsn, 'G7').toBeGreaterThanOrEqual(mine.lsn)
    this.positions.set(channel, position)
  }

  /** G5: whoever sees all rooms never sees money that is under way. */
  #checkWhole(): void {
    if (this.resuming.size > 0 || this.held.size > 0) return
    if (!channels.every((channel) => this.rooms.has(channel))) return
    let sum = 0
    for (const room of this.rooms.values()) sum += room.balance
    expect(sum, 'G5: no transaction is half visible').toBe(total)
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 8; i++) await null
}

async function run(seed: number, steps: number): Promise<World> {
  const world = new World(seed)
  const clients = Array.from({ length: 4 }, (_, i) => new ModelClient(world, `s${i}`))
  const committed = new Map<string, Set<string>>()
  for (const client of clients) client.connect()
  for (let step = 0; step < steps; step++) {
    const client = clients[world.pick(clients.length)]
    const channel = channels[world.pick(channels.length)]
    if (client === undefined || channel === undefined) throw new Error('unreachable')
    const action = world.pick(100)
    if (action < 45) world.commit()
    else if (action < 50 && client.connection !== undefined) {
      const mutation = `m${world.mutations++}`
      committed.set(client.session, (committed.get(client.session) ?? new Set()).add(mutation))
      world.commit({ session: client.session, mutation })
    } else if (action < 65) world.runtime.endTurn()
    else if (action < 80) client.read()
    else if (action < 86) client.subscribe(channel)
    else if (action < 88) client.unsubscribe(channel)
    else if (action < 91) client.lose()
    else if (action < 95 && client.connection === undefined) client.connect()
    else if (action < 97) world.runtime.advance(world.pick(20_000))
    else if (action === 98 && world.pick(10) === 0) world.newEpoch()
    else await settle()
  }
  for (const client of clients) {
    if (client.connection === undefined) client.connect()
    for (const channel of channels) client.subscribe(channel)
  }
  for (let i = 0; i < 40; i++) {
    await settle()
    world.runtime.endTurn()
    for (const client of clients) client.read()
  }
  for (const client of clients) {
    expect(client.held.size, 'every channel is live at the end').toBe(0)
    expect(Object.fromEntries(client.rooms), 'G1: converged').toEqual(Object.fromEntries(world.rooms))
  }
  expect(world.hub.status().behind).toBe(0)
  return world
}

describe('the hub under random schedules', () => {
  test('G1-G5, G7, G12: full carriers, cuts, trims, resets and new epochs break no promise', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      try {
        await run(seed, 300)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
      }
    }
  }, 120_000)
})
