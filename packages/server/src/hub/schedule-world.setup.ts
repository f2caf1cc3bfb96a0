import { encodePosition, type Position } from '@lockstep/protocol'
import { compileSync } from '../definition/compile.ts'
import { defineSync } from '../definition/define.ts'
import type { Audience } from '../definition/definition.ts'
import { defaultLimits } from '../limits.ts'
import { MemoryLocks } from '../lock/memory.ts'
import { encodeFrame, type Frame } from '../log/frame.ts'
import { MemoryLog } from '../log/memory.ts'
import { MemoryPresence } from '../presence/memory.ts'
import type { RoutedTransaction } from '../routing/routing.ts'
import { silentLogger } from '../runtime/logger.ts'
import { VirtualRuntime } from '../runtime/virtual.ts'
import { Sessions } from '../session/session.ts'
import { SessionTeller } from '../session/teller.ts'
import { Hub } from './hub.ts'

export const channels: readonly string[] = ['room/1', 'room/2', 'room/3', 'room/4']
export const total = 1_000

/** One room's row: a balance that transfers move between rooms, and a version that every change raises. */
export interface Room {
  /** Undefined for guests, who see the version only. */
  balance: number | undefined
  version: number
}

/** The database and the server over it, in one process and in virtual time. */
export class World {
  readonly runtime: VirtualRuntime
  readonly log: MemoryLog
  readonly hub: Hub
  readonly guestView: number
  readonly rooms = new Map<string, { balance: number; version: number }>()
  /** What each user is in each channel; `member` unless said otherwise. */
  readonly rights = new Map<string, Audience>()
  /** Rights that have been asked for again since they last changed. */
  readonly effective = new Map<string, Audience>()
  /** LSN of the last commit of each channel, in this epoch. */
  readonly lastCommits = new Map<string, number>()
  /** Mutation to the commit's LSN, epoch and channels. */
  readonly written = new Map<string, { lsn: number; epoch: string; channels: readonly string[] }>()
  /** Nothing goes wrong any more. */
  calm = false
  lsn = 100
  epoch = 'e1'
  mutations = 0
  snapshots = 0

  constructor(seed: number) {
    this.runtime = new VirtualRuntime(seed)
    const sync = compileSync(
      defineSync({
        channels: { 'room/:room': { authorize: ({ user, channel }) => this.authorize(user.id, channel) } },
        collections: {
          rooms: {
            table: 'rooms',
            channel: 'room/:id',
            columns: { member: ['id', 'balance', 'version'], guest: ['id', 'version'] },
          },
        },
      }),
    )
    const limits = { ...defaultLimits, logBytesMax: 4_000, logTotalBytesMax: 12_000 }
    this.log = new MemoryLog({ viewCount: sync.viewCount, runtime: this.runtime, limits })
    for (const channel of channels) this.rooms.set(channel, { balance: total / channels.length, version: 0 })
    this.log.append({ kind: 'epoch', epoch: this.epoch, lsn: this.lsn })
    this.guestView = sync.viewOf('guest') ?? -1
    this.hub = new Hub({
      sync,
      log: this.log,
      sessions: new Sessions({ runtime: this.runtime, logoutMs: 10_000, sessionsMax: 100 }),
      teller: new SessionTeller(undefined, { runtime: this.runtime, logger: silentLogger, hookMs: 10_000 }),
      runtime: this.runtime,
      logger: silentLogger,
      limits,
      snapshot: (channel, view) => this.snapshot(channel, view),
      locks: new MemoryLocks(this.runtime, limits),
      presence: new MemoryPresence(this.runtime, limits),
      showUser: ({ id }) => ({ id }),
      barrier: () => this.barrier(),
      issueToken: () => ({ token: 'token', expiresAt: this.runtime.now() + 3_600_000 }),
      mayPass: () => true,
    })
  }

  /** Answers of the application, each after a while and as things stood when it was asked. */
  async authorize(user: string | number, channel: string): Promise<Audience> {
    const answer = this.rights.get(`${user} ${channel}`) ?? true
    const fails = !this.calm && this.pick(50) === 0
    await this.pause()
    if (fails) throw new Error('the database is away')
    return answer
  }

  setRights(user: string, channel: string, audience: Audience): void {
    const id = `${user} ${channel}`
    this.rights.set(id, audience)
    this.effective.delete(id)
    void this.hub.reauthorize(user).then(() => {
      if (this.rights.get(id) === audience) this.effective.set(id, audience)
    })
  }

  async barrier(): Promise<number> {
    await this.pause()
    return this.log.position.lsn
  }

  async pause(): Promise<void> {
    const turns = this.pick(3)
    for (let i = 0; i < turns; i++) await null
  }

  async snapshot(channel: string, view: number): Promise<{ position: Position; frame: Frame }> {
    this.snapshots++
    const { position } = this.log
    const room = this.rooms.get(channel)
    const isGuest = view === this.guestView
    const rows = [isGuest ? [1, room?.version] : [1, room?.version, room?.balance]]
    const columns = isGuest ? ['id', 'version'] : ['id', 'version', 'balance']
    const collections = { rooms: { columns, key: [0], rows } }
    const json = JSON.stringify({
      type: 'snapshot',
      channel,
      position: encodePosition(position),
      view,
      collections,
    })
    await this.pause() // changes get in between
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
    const touched = new Map<string, { balance: number; version: number }>()
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
    for (const channel of touched.keys()) this.lastCommits.set(channel, this.lsn)
    if (writer !== undefined) {
      this.written.set(writer.mutation, { lsn: this.lsn, epoch: this.epoch, channels: [...touched.keys()] })
    }
    const transaction: RoutedTransaction = {
      xid: this.lsn,
      lsn: this.lsn,
      at: this.runtime.now(),
      ...writer,
      channels: [...touched].map(([channel, room]) => ({
        channel,
        views: [0, 1].map((view) => {
          const balance = view === this.guestView ? '' : `"balance":${room.balance},`
          return [Buffer.from(`{"rooms":{"update":{"1":{${balance}"version":${room.version}}}}}`)]
        }),
        // Now and then the rows cannot be told.
        ...(this.pick(60) === 0 ? { reset: 'truncated' as const } : {}),
      })),
    }
    this.log.append({ kind: 'transaction', transaction })
  }

  newEpoch(): void {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`
    this.lsn += 10
    this.lastCommits.clear()
    this.log.append({ kind: 'epoch', epoch: this.epoch, lsn: this.lsn })
  }
}
