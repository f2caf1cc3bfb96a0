import { encodePosition, type Position, type ServerMessage } from '@lockstep/protocol'
import { compileSync } from '../definition/compile.ts'
import { defineSync } from '../definition/define.ts'
import type { Audience } from '../definition/definition.ts'
import { defaultLimits, type Limits } from '../limits.ts'
import { MemoryLocks } from '../lock/memory.ts'
import { encodeFrame, type Frame } from '../log/frame.ts'
import { MemoryLog } from '../log/memory.ts'
import { MemoryPresence } from '../presence/memory.ts'
import { silentLogger } from '../runtime/logger.ts'
import { VirtualRuntime } from '../runtime/virtual.ts'
import type { SessionHook } from '../session/event.ts'
import { Sessions } from '../session/session.ts'
import { SessionTeller } from '../session/teller.ts'
import type { Batch } from './batch.ts'
import type { Carrier } from './carrier.ts'
import type { Connection } from './connection.ts'
import { Hub } from './hub.ts'

/** A hub over a log in memory, in virtual time; what it asks of others is answered by hand. */
export class Room {
  readonly runtime: VirtualRuntime = new VirtualRuntime()
  readonly log: MemoryLog
  readonly hub: Hub
  readonly locks: MemoryLocks
  readonly presence: MemoryPresence
  readonly sessions: Sessions<Connection>
  readonly limits: Limits
  authorize: (channel: string) => Audience | Promise<Audience> = () => true
  /** Whether what `authorize` throws may pass. */
  mayPass = false
  /** Bytes of filling in each snapshot. */
  snapshotBytes = 0
  snapshots = 0
  barrier: () => Promise<number> = async () => this.log.position.lsn

  constructor(limits: Partial<Limits> = {}, onSession?: SessionHook) {
    const sync = compileSync(
      defineSync({
        channels: {
          'room/:room': { authorize: ({ channel }) => this.authorize(channel) },
          'hall/:hall': {
            authorize: ({ channel }) => this.authorize(channel),
            presence: true,
            broadcasts: ['member'],
          },
        },
        collections: {
          rooms: {
            table: 'rooms',
            channel: 'room/:id',
            columns: { member: ['id', 'secret'], guest: ['id'] },
          },
        },
      }),
    )
    this.limits = { ...defaultLimits, ...limits }
    this.log = new MemoryLog({ viewCount: sync.viewCount, runtime: this.runtime, limits: this.limits })
    this.log.append({ kind: 'epoch', epoch: 'e1', lsn: 100 })
    const teller = new SessionTeller(onSession, {
      runtime: this.runtime,
      logger: silentLogger,
      hookMs: this.limits.sessionHookMs,
    })
    this.sessions = new Sessions<Connection>({
      runtime: this.runtime,
      ...this.limits,
      tell: (session, effect) => teller.tell(session, effect),
    })
    this.locks = new MemoryLocks(this.runtime, this.limits)
    this.presence = new MemoryPresence(this.runtime, this.limits)
    this.hub = new Hub({
      sync,
      log: this.log,
      sessions: this.sessions,
      teller,
      runtime: this.runtime,
      logger: silentLogger,
      limits: this.limits,
      snapshot: (channel, view) => this.#snapshot(channel, view),
      locks: this.locks,
      presence: this.presence,
      showUser: ({ id }) => ({ id }),
      barrier: () => this.barrier(),
      issueToken: () => ({ token: 'token', expiresAt: this.runtime.now() + this.limits.tokenTtlMs }),
      mayPass: () => this.mayPass,
    })
  }

  /** A connection of a session that has said hello. */
  join(session = 's1', capacity: number = Number.POSITIVE_INFINITY): Visitor {
    const visitor = new Visitor(this, capacity)
    this.hub.welcome(visitor.connection, {
      session,
      user: { id: 1 },
      expiresAt: this.runtime.now() + this.limits.tokenTtlMs,
    })
    return visitor
  }

  /** A commit that changes the row of each channel. */
  commit(lsn: number, ...channels: readonly string[]): void {
    this.log.append({
      kind: 'transaction',
      transaction: {
        xid: lsn,
        lsn,
        at: this.runtime.now(),
        channels: channels.map((channel) => ({
          channel,
          // The views differ in what they show; which is which is the definition's affair.
          views: [0, 1].map((view) => [Buffer.from(`{"rooms":{"update":{"1":{"id":"v${view}"}}}}`)]),
        })),
      },
    })
    this.runtime.endTurn()
  }

  async #snapshot(channel: string, view: number): Promise<{ position: Position; frame: Frame }> {
    this.snapshots++
    const { position } = this.log
    const rows = { columns: ['id'], key: [0], rows: [[`v${view}`], ['x'.repeat(this.snapshotBytes)]] }
    const message = { type: 'snapshot', channel, position: encodePosition(position), collections: { rows } }
    return { position, frame: encodeFrame(JSON.stringify(message)) }
  }
}

/** A carrier that keeps what it was sent, and is full beyond `capacity` bytes until they are read. */
export class Visitor implements Carrier {
  readonly connection: Connection
  readonly got: ServerMessage[] = []
  readonly capacity: number
  unread = 0
  /** Whether something that was sent has not left yet. */
  waiting = false
  ended: string | undefined
  readonly #hub: Hub
  #requests = 0

  constructor({ hub }: Room, capacity: number) {
    this.#hub = hub
    this.capacity = capacity
    this.connection = hub.connect(this)
  }

  subscribe(channel: string, from?: Position, view?: number): Promise<void> {
    return this.#hub.subscribe(this.connection, ++this.#requests, channel, from, view)
  }

  read(): void {
    this.unread = 0
    this.connection.drained()
  }

  /** Types of the messages so far, each with its channel where it has one. */
  get heard(): string[] {
    return this.got.map((message) => `${message.type} ${'channel' in message ? message.channel : ''}`.trim())
  }

  send(batch: Batch): boolean {
    for (const frame of batch.frames) {
      this.got.push(JSON.parse(frame.bytes.toString('utf8', frame.payloadStart)))
      this.unread += frame.bytes.length
    }
    return this.unread < this.capacity
  }

  ping(): void {
    this.connection.heard()
  }

  moved(): boolean {
    return false
  }

  close(_code: number, reason: string): void {
    this.ended ??= reason
  }

  terminate(): void {
    this.ended ??= 'terminated'
  }
}

/** Lets what has been answered be acted upon. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await null
}
