import { type Position, parsePosition, type ServerMessage, type TransactionMessage } from '@lockstep/protocol'
import { expect } from 'vitest'
import type { Batch } from './batch.ts'
import type { Carrier } from './carrier.ts'
import type { Connection } from './connection.ts'
import { channels, type Room, total, type World } from './schedule-world.setup.ts'

/** One connection's transport: what arrives is for the client's present connection, or nobody. */
class ModelCarrier implements Carrier {
  readonly client: ModelClient
  readonly connection: Connection
  /** Channels of which nothing may come any more. */
  readonly #revoked = new Set<string>()
  /** What is sent has arrived at once: the inbox is the peer's. */
  readonly waiting = false
  ended = false

  constructor(client: ModelClient) {
    this.client = client
    this.connection = client.world.hub.connect(this)
  }

  send(batch: Batch): boolean {
    expect(this.ended, 'nothing is sent over a connection that has ended').toBe(false)
    for (const frame of batch.frames) {
      const message: ServerMessage = JSON.parse(frame.bytes.toString('utf8', frame.payloadStart))
      this.#checkRights(message)
      this.client.inbox.push(message)
      this.client.unread += frame.bytes.length
    }
    return this.client.unread < this.client.capacity
  }

  /** G9: nothing after `revoked`, and no more than the audience may see. */
  #checkRights(message: ServerMessage): void {
    if (!('channel' in message) || message.channel === undefined || message.type === 'error') return
    if (message.type === 'subscribed') this.#revoked.delete(message.channel)
    expect(this.#revoked.has(message.channel), 'G9: not a byte after `revoked`').toBe(false)
    if (message.type === 'revoked') this.#revoked.add(message.channel)
    if (message.type !== 'snapshot' && message.type !== 'transaction') return
    const audience = this.client.world.effective.get(`${this.client.session} ${message.channel}`)
    expect(audience, 'G9: no row without the right to it').not.toBe(false)
    if (audience === 'guest') expect(JSON.stringify(message)).not.toContain('balance')
  }

  ping(): void {
    this.connection.heard()
  }

  moved(): boolean {
    return false
  }

  close(): void {
    this.terminate()
  }

  terminate(): void {
    this.ended = true
    if (this.client.carrier === this) this.client.lose()
  }
}

/** A client that follows the protocol to the letter and fails at the first broken promise. */
export class ModelClient {
  readonly world: World
  readonly session: string
  carrier: ModelCarrier | undefined
  readonly rooms = new Map<string, Room>()
  readonly positions = new Map<string, Position>()
  /** View that each channel's rows began with. */
  readonly views = new Map<string, number | undefined>()
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
  /** Barriers not answered yet: what had been committed when they were asked for. */
  readonly barriers = new Map<number, { epoch: string; commits: ReadonlyMap<string, number> }>()
  /** What must have been applied, channel by channel, when the messages at hand have been. */
  finished: { what: string; epoch: string; commits: ReadonlyMap<string, number> }[] = []
  inbox: ServerMessage[] = []

  constructor(world: World, session: string) {
    this.world = world
    this.session = session
  }

  get connection(): Connection | undefined {
    return this.carrier?.connection
  }

  connect(): void {
    const { hub } = this.world
    // One that is still there is replaced: the hub ends it.
    this.#forget()
    this.carrier = new ModelCarrier(this)
    hub.welcome(this.carrier.connection, {
      session: this.session,
      user: { id: this.session },
      expiresAt: Number.POSITIVE_INFINITY,
    })
    for (const channel of this.wanted) {
      this.resuming.add(channel)
      this.#ask(channel)
    }
  }

  lose(): void {
    const { carrier } = this
    if (carrier === undefined) return
    carrier.ended = true
    this.#forget()
    this.world.hub.disconnect(carrier.connection)
  }

  /** What was under way is void. */
  #forget(): void {
    this.carrier = undefined
    this.inbox = []
    this.barriers.clear()
    this.finished = []
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
    this.#drop(channel)
    this.world.hub.unsubscribe(this.connection, channel)
  }

  barrier(): void {
    if (this.connection === undefined) return
    const { epoch, lastCommits } = this.world
    this.barriers.set(++this.requests, { epoch, commits: new Map(lastCommits) })
    void this.world.hub.barrier(this.connection, this.requests)
  }

  #drop(channel: string): void {
    this.wanted.delete(channel)
    this.rooms.delete(channel)
    this.positions.delete(channel)
    this.held.delete(channel)
    this.asked.delete(channel)
    this.resuming.delete(channel)
    this.deferred = this.deferred.filter((message) => !('channel' in message) || message.channel !== channel)
  }

  #ask(channel: string): void {
    if (this.connection === undefined) return
    this.held.set(channel, [])
    this.asked.set(channel, ++this.requests)
    const { hub } = this.world
    void hub.subscribe(
      this.connection,
      this.requests,
      channel,
      this.positions.get(channel),
      this.views.get(channel),
    )
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
    if (message.type === 'error') {
      if (channel === undefined || this.asked.get(channel) !== message.id) {
        expect(message.id, 'a snapshot failed').toBeDefined()
      } else if (message.error.retryable) this.#ask(channel)
      else this.#drop(channel)
      return
    }
    if (message.type === 'subscribed' && this.asked.get(message.channel) === message.id)
      this.asked.delete(message.channel)
    if (channel !== undefined && (this.asked.has(channel) || !this.wanted.has(channel))) return
    if (message.type === 'revoked' && channel !== undefined) {
      this.#drop(channel)
      return
    }
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
    } else this.deferred.push(message)
  }

  #applyDeferred(): void {
    const deferred = this.deferred
    this.deferred = []
    for (const message of deferred) this.#apply(message)
    const finished = this.finished
    this.finished = []
    for (const { what, epoch, commits } of finished) {
      for (const [channel, lsn] of commits) {
        const mine = this.positions.get(channel)
        if (mine?.epoch !== epoch || this.held.has(channel)) continue
        expect(mine.lsn, `${what} of ${channel}`).toBeGreaterThanOrEqual(lsn)
      }
    }
  }

  #apply(message: ServerMessage): void {
    switch (message.type) {
      case 'snapshot': {
        const row = message.collections.rooms?.rows[0]
        const balance = row?.[2] === undefined ? undefined : Number(row[2])
        this.rooms.set(message.channel, { version: Number(row?.[1]), balance })
        this.views.set(message.channel, message.view)
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
        const balance = change?.balance === undefined ? undefined : Number(change.balance)
        const version = Number(change?.version)
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
        this.#finish('G6: a confirmation before its transaction', message.mutation)
        break
      case 'barrier': {
        const barrier = this.barriers.get(message.id)
        if (barrier !== undefined) this.finished.push({ what: 'M3: a barrier before a commit', ...barrier })
        break
      }
      default:
    }
  }

  #finish(what: string, mutation: string): void {
    const write = this.world.written.get(mutation)
    if (write === undefined) throw new Error('confirmed what nobody wrote')
    const { lsn, epoch } = write
    this.finished.push({ what, epoch, commits: new Map(write.channels.map((channel) => [channel, lsn])) })
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
    for (const { balance } of this.rooms.values()) {
      if (balance === undefined) return
      sum += balance
    }
    expect(sum, 'G5: no transaction is half visible').toBe(total)
  }
}
