import {
  type BarrierReply,
  type ErrorMessage,
  type Operations,
  type PageSession,
  protocolVersion,
  type ServerMessage,
  type Snapshot,
  type TransactionMessage,
} from '@lockstep/protocol'
import type { ChannelStatus } from '../channel/channel.ts'
import type { ChannelHandle } from '../channel/handle.ts'
import type { Held } from '../channel/subscription.ts'
import type { Applier } from '../collection/applier.ts'
import { backoffMs } from '../connection/backoff.ts'
import type { Connection } from '../connection/connection.ts'
import { Listeners } from '../listeners.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Confirmations } from './confirmations.ts'

/**
 * Most characters of transactions that are kept while something is waited for. Beyond it the connection is begun
 * anew with snapshots, which replace any number of transactions (G12).
 */
export const heldCharsMax: number = 67_108_864

/**
 * One page instance's place in the stream: takes the server's messages in order and decides when they may
 * be seen. They are applied as they come, whole commits at a time, except while a channel that shows rows is
 * behind the others: then everything waits for it, so that no commit shows in one channel only (G5).
 */
export class Session {
  readonly channels: Map<string, ChannelHandle> = new Map()
  /** Own session ids: the present one and those before it. */
  readonly ids: Set<string> = new Set()
  /** Hear every message first: what is not part of the core, and knows its own. */
  readonly listeners: Listeners<[ServerMessage]> = new Listeners()
  id = ''
  #token = ''
  #requests = 0
  #greeted = false
  #toldLive = false
  #queue: (Held | BarrierReply | Operations)[] = []
  #heldChars = 0
  /** Transactions still to come of a commit that is told in several. */
  #bundled = 0
  readonly #runtime: Runtime
  readonly #applier: Applier
  declare readonly connection: Connection
  readonly #writes: Confirmations
  readonly #report: (error: unknown) => void

  constructor(
    runtime: Runtime,
    applier: Applier,
    connection: Connection,
    writes: Confirmations,
    report: (error: unknown) => void,
  ) {
    this.#runtime = runtime
    this.#applier = applier
    this.connection = connection
    this.#writes = writes
    this.#report = report
  }

  // ---- asking ---------------------------------------------------------------------------------------

  use(session: PageSession): void {
    // Another session may have other rights: what the last one could not see is asked for again.
    if (session.id !== this.id) {
      for (const { subscription } of this.channels.values()) if (!subscription.on) subscription.phase = 'idle'
    }
    this.id = session.id
    this.#token = session.token
    this.ids.add(session.id)
  }

  greet(): void {
    this.connection.send({ type: 'hello', version: protocolVersion, token: this.#token })
    for (const channel of this.channels.values()) {
      if (channel.needs > 0 && channel.subscription.phase === 'idle') this.#ask(channel, false)
    }
    this.#greeted = true
  }

  /** Asks for a channel that somebody needs, or leaves it. */
  want(channel: ChannelHandle, wanted: boolean): void {
    const { subscription } = channel
    if (wanted) {
      subscription.phase = 'idle'
      channel.setStatus({ state: 'subscribing' })
      if (this.#greeted) this.#ask(channel, true)
    } else {
      if (this.#greeted && subscription.on)
        this.connection.send({ type: 'unsubscribe', id: ++this.#requests, channel: channel.name })
      this.#end(channel, { state: 'idle' })
    }
    this.#flush()
    this.#moved()
  }

  /** Asks to be told when everything committed before now has been applied. Returns its number. */
  askBarrier(): number {
    const id = ++this.#requests
    this.connection.send({ type: 'barrier', id })
    return id
  }

  #ask(channel: ChannelHandle, late: boolean): void {
    const { subscription } = channel
    const id = ++this.#requests
    const position = subscription.ask(id, late && subscription.position === undefined)
    // Without a position the field is not sent: JSON leaves out what is undefined.
    this.connection.send({ type: 'subscribe', id, channel: channel.name, position, view: subscription.view })
    channel.setStatus({ state: 'subscribing' })
  }

  // ---- hearing --------------------------------------------------------------------------------------

  /** One message. What cannot be understood begins the connection anew, from the positions before it. */
  receive(text: string): void {
    try {
      // The server is trusted to send what the protocol says; anything else throws below or is skipped.
      this.#hear(JSON.parse(text) as ServerMessage, text.length)
    } catch (error) {
      this.#report(error)
      this.#restart()
    }
  }

  #hear(message: ServerMessage, chars: number): void {
    this.listeners.tell(this.#report, message)
    if (message.type === 'transaction') this.#heldChars += chars
    switch (message.type) {
      case 'welcome':
        this.use({ id: message.session, token: message.token })
        this.connection.tell({ kind: 'welcome', heartbeatMs: message.heartbeatMs, settled: this.#settled })
        break
      case 'token':
        this.#token = message.token
        break
      case 'subscribed':
        this.channels.get(message.channel)?.subscription.granted(message.id)
        break
      case 'bundle':
        this.#bundled = message.count
        return
      case 'transaction':
        if (this.#bundled > 0) this.#bundled--
        this.#take(message)
        break
      case 'reset':
      case 'snapshot':
      case 'live':
        this.#take(message)
        break
      case 'heartbeat':
        for (const { subscription } of this.channels.values()) {
          if (subscription.phase === 'live') subscription.progress(message.position)
        }
        break
      case 'confirmed':
      case 'barrier':
      case 'operations':
        this.#queue.push(message)
        break
      case 'revoked': {
        const channel = this.channels.get(message.channel)
        if (channel !== undefined && channel.subscription.phase !== 'idle')
          this.#end(channel, { state: 'revoked' })
        break
      }
      case 'goodbye':
        this.connection.tell({ kind: 'goodbye', retryMs: message.retryMs })
        return
      case 'error':
        this.#failed(message)
        break
      // The rest is for listeners, or newer than this client.
    }
    this.#flush()
    this.#moved()
  }

  #take(message: Exclude<Held, { type: 'confirmed' }>): void {
    const channel = this.channels.get(message.channel)
    if (channel === undefined) return
    const { subscription } = channel
    const filling = subscription.phase === 'filling'
    const verdict = subscription.take(message)
    if (verdict === 'hold') subscription.held.push(message)
    else if (verdict === 'hole') {
      // A hole in what was asked for to mend one: more asking would not help, a new connection may.
      if (filling) this.#restart()
      else this.#ask(channel, false)
    } else if (verdict === 'apply') {
      this.#queue.push(...subscription.held, message)
      subscription.held = []
    }
  }

  #failed({ id, channel: name, error }: ErrorMessage): void {
    const channel =
      name === undefined
        ? [...this.channels.values()].find(({ subscription }) => subscription.request === id)
        : this.channels.get(name)
    if (channel !== undefined) {
      const { subscription } = channel
      if (!subscription.pending || (id !== undefined && id !== subscription.request)) return
      if (error.retryable) this.#retry(channel)
      else this.#end(channel, { state: 'refused', error })
    } else if (id === undefined) this.connection.tell({ kind: 'rejected', error })
    else {
      this.#writes.barrierFailed(id)
      // What nobody waits for any more may fail, as long as it would work another time.
      if (!error.retryable) this.#report(Object.assign(new Error(error.message), { code: error.code }))
    }
  }

  /** The server could not give the channel now: asks again later, and lets the others go on. */
  #retry(channel: ChannelHandle): void {
    this.#void(channel)
    channel.subscription.disconnected()
    channel.setStatus({ state: 'subscribing' })
    channel.cancelRetry = this.#runtime.timer(backoffMs(++channel.failures, this.#runtime.random()), () => {
      if (this.#greeted && channel.needs > 0 && channel.subscription.phase === 'idle')
        this.#ask(channel, false)
      this.#moved()
    })
  }

  /** What was to be applied to the channel's rows is void, but for what confirms writes. */
  #void({ name, subscription }: ChannelHandle): void {
    // Confirmations and barriers are of no channel, and have no such field.
    this.#queue = this.#queue.filter((message) => (message as { readonly channel?: string }).channel !== name)
    this.#queue.push(...subscription.held.filter((message) => message.type === 'confirmed'))
  }

  /** The channel's rows go, and what was to be applied to them. */
  #end(channel: ChannelHandle, status: Exclude<ChannelStatus, { state: 'live' | 'subscribing' }>): void {
    channel.subscription.phase = status.state
    channel.cancelRetry?.()
    channel.failures = 0
    this.#void(channel)
    channel.subscription.forget()
    channel.resetReason = undefined
    this.#applier.run(status.state === 'revoked' ? 'revoked' : 'reset', () => {
      for (const store of channel.stores.values()) store.clear()
      return undefined
    })
    channel.setStatus(status)
  }

  // ---- applying -------------------------------------------------------------------------------------

  get #settled(): boolean {
    for (const { subscription } of this.channels.values()) {
      if (subscription.pending && !subscription.late) return false
    }
    return true
  }

  /** Applies what has come, unless a commit is incomplete or a channel on show is behind. */
  #flush(): void {
    let behind = false
    let holding = false
    for (const { subscription } of this.channels.values()) {
      behind ||= subscription.behind
      holding ||= subscription.held.length > 0
    }
    if (!behind && !holding) this.#heldChars = 0
    else if (this.#heldChars > heldCharsMax) {
      for (const { subscription } of this.channels.values())
        if (subscription.pending) subscription.position = undefined
      this.#restart()
      return
    }
    if (behind || this.#bundled > 0) return
    const queue = this.#queue
    this.#queue = []
    const reset = queue.find((message) => message.type === 'reset')
    const foreign = queue.some((message) => message.type === 'transaction' && !this.#isOwn(message))
    const snapshot = queue.some((message) => message.type === 'snapshot')
    if (queue.length > 0) {
      this.#applier.run(
        snapshot ? 'reset' : foreign ? 'remote' : 'local',
        () => {
          const after = queue.map((message) => this.#apply(message))
          return () => {
            for (const run of after) run?.()
          }
        },
        reset?.reason,
      )
    }
    for (const { subscription } of this.channels.values()) subscription.applied()
  }

  #apply(message: Held | BarrierReply | Operations): undefined | (() => void) {
    if (message.type === 'barrier') return this.#writes.barrier(message.id)
    if (message.type === 'confirmed') return this.#writes.confirm(message.mutation)
    const channel = this.channels.get(message.channel)
    if (channel === undefined) return
    switch (message.type) {
      case 'reset':
        channel.resetReason = message.reason
        return
      case 'snapshot':
        channel.anew = true
        this.applySnapshot(channel, message)
        return
      case 'live': {
        const { resetReason: reset } = channel
        channel.failures = 0
        channel.resetReason = undefined
        channel.anew = false
        return () => {
          if (channel.subscription.phase === 'live') channel.setStatus({ state: 'live', reset })
        }
      }
      default: {
        for (const [name, changes] of Object.entries(message.changes ?? {}))
          channel.collection(name).applyChanges(changes)
        const confirmed =
          message.mutation === undefined ? undefined : this.#writes.confirm(message.mutation, message)
        const operations = channel.anew || this.#isOwn(message) ? undefined : message.operations
        return () => {
          for (const operation of operations ?? []) channel.tellOperation(operation, message)
          confirmed?.()
        }
      }
    }
  }

  /** Within an apply. Collections that the snapshot does not name have no rows. */
  applySnapshot(channel: ChannelHandle, snapshot: Snapshot): void {
    channel.subscription.view = snapshot.view
    for (const name of Object.keys(snapshot.collections)) channel.collection(name)
    for (const [name, store] of channel.stores) store.applySnapshot(snapshot.collections[name])
  }

  #isOwn(message: TransactionMessage | Operations): boolean {
    return this.ids.has(message.session ?? '')
  }

  // ---- the connection -------------------------------------------------------------------------------

  get live(): boolean {
    return this.#greeted && this.#settled && this.connection.state.kind === 'live'
  }

  /** Whether nothing will come until the application does something: what goes on by itself has an alarm. */
  get ended(): boolean {
    return !('alarmAt' in this.connection.state)
  }

  disconnected(): void {
    this.#greeted = this.#toldLive = false
    this.#queue = []
    this.#heldChars = this.#bundled = 0
    for (const channel of this.channels.values()) {
      channel.subscription.disconnected()
      channel.cancelRetry?.()
      if (channel.status.state === 'live') channel.setStatus({ state: 'subscribing' })
    }
    this.#writes.disconnected()
  }

  /** Begins anew with a new connection, after the usual wait. */
  #restart(): void {
    this.connection.tell({ kind: 'lost', code: 4500, reason: '' })
  }

  /** Tells the connection and the writes how far the channels are. */
  #moved(): void {
    const { kind } = this.connection.state
    const settled = this.#settled
    if (kind === (settled ? 'catching-up' : 'live')) {
      this.connection.tell({ kind: 'progress', settled })
    }
    const told = this.#toldLive
    this.#toldLive = this.live
    if (this.#toldLive && !told) this.#writes.live()
  }
}
