import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import {
  encodePosition,
  isChannel,
  type Json,
  LockstepError,
  type PageSession,
  type WirePosition,
} from '@lockstep/protocol'
import type { Bus } from './bus/bus.ts'
import { EmbeddedBus } from './bus/embedded.ts'
import { BusFeed } from './bus/feed.ts'
import type { Sync, User } from './definition/definition.ts'
import { Authoriser } from './hub/authoriser.ts'
import type { Connection } from './hub/connection.ts'
import { Hub } from './hub/hub.ts'
import { Requests } from './hub/requests.ts'
import type { OverviewParts } from './inspector/overview.ts'
import type { Trace } from './inspector/trace.ts'
import type { Limits } from './limits.ts'
import { MemoryLocks } from './lock/memory.ts'
import { MemoryLog } from './log/memory.ts'
import { MemoryPresence } from './presence/memory.ts'
import { Router } from './routing/router.ts'
import type { Logger } from './runtime/logger.ts'
import type { Rising } from './runtime/rising.ts'
import type { Runtime } from './runtime/runtime.ts'
import type { SessionHook } from './session/event.ts'
import { type SessionClaims, Sessions } from './session/session.ts'
import { SessionTeller } from './session/teller.ts'
import { signToken, verifyToken } from './session/token.ts'
import { LogWait } from './snapshot/log-wait.ts'
import type { SnapshotReader } from './snapshot/snapshot.ts'
import { type CachedSnapshot, SnapshotStore } from './snapshot/store.ts'
import type { Source, SourceSink } from './source/source.ts'
import type { BayeuxOptions, BayeuxParts } from './transport/bayeux/bayeux.ts'
import { type BayeuxServer, serveBayeux } from './transport/bayeux/serve.ts'
import { FallbackTransport } from './transport/fallback/fallback.ts'
import type { JuggernautOptions } from './transport/juggernaut/juggernaut.ts'
import { type JuggernautServer, serveJuggernaut } from './transport/juggernaut/serve.ts'
import { WebSocketTransport } from './transport/websocket.ts'
import { outwardError } from './write/faults.ts'

export interface EngineParts {
  readonly sync: Sync
  readonly source: Source
  readonly reader: SnapshotReader
  /** Default: one for a single node. */
  readonly bus?: Bus | undefined
  /** The first signs tokens; all are accepted. */
  readonly secrets: readonly string[]
  readonly runtime: Runtime
  readonly logger: Logger
  readonly limits: Limits
  /** What others are shown of a user. Default: nothing. */
  readonly showUser?: ((user: User) => Json) | undefined
  /** Hears of each session's life. */
  readonly onSession?: SessionHook | undefined
  /** Numbers of locks and of sessions' events. Default: such that rise with the clock. */
  readonly numbers?: Rising | undefined
  /** Keeps the way of each commit, for the inspector. */
  readonly trace?: Trace | undefined
  /** Stands between source and router, and sees each row. */
  readonly tap?: (router: SourceSink) => SourceSink
}

/**
 * The way of a change, wired: source -> router -> bus -> log -> hub -> transport. Knows nothing of where
 * the source and the snapshots come from, nor of writes and HTTP.
 */
export class Engine {
  readonly hub: Hub
  readonly log: MemoryLog
  readonly snapshots: SnapshotStore
  readonly sessions: Sessions<Connection>
  readonly locks: MemoryLocks
  readonly presence: MemoryPresence
  readonly #parts: EngineParts
  readonly #teller: SessionTeller
  readonly #webSockets: WebSocketTransport
  readonly #fallback: FallbackTransport
  #bayeux: BayeuxServer | undefined
  #juggernaut: JuggernautServer | undefined
  readonly #router: Router
  readonly #bus: Bus
  readonly #feed: BusFeed
  readonly #logWait: LogWait
  readonly #authoriser: Authoriser

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { sync, source, reader, runtime, logger, limits } = parts
    this.#authoriser = new Authoriser(sync, logger, mayPass)
    this.#bus = parts.bus ?? new EmbeddedBus()
    this.log = new MemoryLog({ viewCount: sync.viewCount, runtime, limits })
    const { trace } = parts
    if (trace !== undefined) {
      this.#bus.subscribe((entry) => trace.routed(entry))
      this.log.onAppend(trace) // before the hub is
    }
    this.#bus.subscribe((entry) => this.log.append(entry))
    this.#feed = new BusFeed({ bus: this.#bus, runtime, logger, bytesMax: limits.logTotalBytesMax })
    this.#router = new Router({ sync, bus: this.#feed, limits, logger })
    this.snapshots = new SnapshotStore({
      sync,
      log: this.log,
      reader,
      barrier: () => source.barrier(),
      runtime,
      limits,
    })
    this.#logWait = new LogWait(this.log, runtime)
    const { numbers } = parts
    const hookMs = limits.sessionHookMs
    const teller = new SessionTeller(parts.onSession, { runtime, logger, hookMs, numbers })
    this.#teller = teller
    this.sessions = new Sessions({
      runtime,
      logoutMs: limits.logoutMs,
      sessionsMax: limits.sessionsMax,
      tell: (session, effect) => {
        // It may have locked something since it was disconnected, by HTTP.
        if (effect === 'logged_out') void this.locks.leave(session.id)
        teller.tell(session, effect)
      },
    })
    this.locks = new MemoryLocks(runtime, limits, numbers)
    this.presence = new MemoryPresence(runtime, limits)
    this.hub = new Hub({
      sync,
      log: this.log,
      sessions: this.sessions,
      teller,
      locks: this.locks,
      presence: this.presence,
      showUser: parts.showUser ?? (() => null),
      runtime,
      logger,
      limits,
      snapshot: (channel, view) => this.snapshots.get(channel, view),
      barrier: () => this.#passed(),
      issueToken: (claims) => this.#issueToken(claims),
      mayPass,
      trace: trace && ((carrier) => trace.carrier(carrier)),
    })
    const requests = new Requests({
      hub: this.hub,
      runtime,
      logger,
      limits,
      verifyToken: (token) => this.verifyToken(token),
    })
    this.#webSockets = new WebSocketTransport({ hub: this.hub, requests, limits, runtime })
    this.#fallback = new FallbackTransport({ hub: this.hub, requests, limits, runtime })
  }

  /** Resolves when the stream flows and has caught up. */
  start(): Promise<void> {
    const router = this.#router
    const feed = this.#feed
    return this.#parts.source.start(this.#parts.tap?.(router) ?? router, {
      get takenLsn() {
        return router.takenLsn
      },
      get full() {
        return feed.full
      },
      whenRoom: () => feed.whenRoom(),
    })
  }

  /** An upgrade whose path and origin have been checked. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#webSockets.upgrade(request, socket, head)
  }

  /** A request for a carrier over plain HTTP, whose origin has been checked. Never rejects. */
  carry(address: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    return this.#fallback.answer(address, incoming, outgoing)
  }

  /** Serves Faye and CometD clients as well. */
  bayeux(
    options: BayeuxOptions,
    asking: Pick<BayeuxParts, 'authenticate' | 'addressOf' | 'isOriginAllowed' | 'isOriginListed'>,
  ): BayeuxServer {
    const { sync, runtime, logger, secrets } = this.#parts
    this.#bayeux = serveBayeux(options, {
      sync,
      hub: this.hub,
      runtime,
      logger,
      position: () => this.log.position,
      verifyToken: (token) => verifyToken(secrets, token, runtime.now()),
      ...asking,
    })
    return this.#bayeux
  }

  /** Opens a port for programs that speak Juggernaut. @throws Error where it cannot be had */
  async juggernaut(options: JuggernautOptions): Promise<number> {
    const { runtime, logger, limits, secrets } = this.#parts
    this.#juggernaut = await serveJuggernaut(options, {
      hub: this.hub,
      runtime,
      logger,
      limits,
      position: () => this.log.position,
      verifyToken: (token) => verifyToken(secrets, token, runtime.now()),
      userOf: (session) => this.sessions.get(session)?.user.id,
    })
    return this.#juggernaut.port
  }

  /** A new session for a user; its token is good for `tokenTtlMs`. */
  issueSession(user: User, channels?: readonly string[]): PageSession {
    const id = this.#parts.runtime.randomText(16)
    const position = encodePosition(this.log.position)
    const { token } = this.#issueToken({ session: id, user, channels, issuedAt: position })
    return { id, token, position }
  }

  /** @throws LockstepError `unauthorized`, `session_expired` */
  verifyToken(token: string): SessionClaims {
    return verifyToken(this.#parts.secrets, token, this.#parts.runtime.now())
  }

  /**
   * The rows of a channel as a user may see them, including everything committed before the call.
   * @throws LockstepError `no_channel` where there is none or it is not for this user, `unavailable`.
   */
  async snapshotFor(user: User, channel: string): Promise<{ view: number; snapshot: CachedSnapshot }> {
    if (!isChannel(channel)) throw new LockstepError('no_channel')
    const grant = await this.#authoriser.ask({ user, channels: undefined }, channel)
    if (grant instanceof LockstepError) throw grant
    const { view } = grant
    await this.#passed()
    return { view, snapshot: await this.snapshots.get(channel, view, { fresh: true }) }
  }

  /** For the inspector, which reads and changes nothing. */
  facts(): Omit<OverviewParts, 'trace' | 'source'> {
    const { hub, sessions, locks, presence, log } = this
    return { hub, connections: hub.connections, sessions, locks, presence, log }
  }

  /** Resolves when everything committed before the call has been handed to every connection with room. */
  async barrier(): Promise<WirePosition> {
    const lsn = await this.#passed()
    this.hub.flush()
    return encodePosition({ epoch: this.log.position.epoch, lsn })
  }

  async close(): Promise<void> {
    this.#bayeux?.close()
    this.hub.close(this.#parts.limits.returnSpreadMs)
    this.#webSockets.close()
    await this.#juggernaut?.close()
    await this.#teller.idle()
    await this.#parts.source.close()
    this.#feed.close()
    await this.#bus.close()
  }

  /** @returns an LSN: everything committed before the call is in the log, which has passed it. */
  async #passed(): Promise<number> {
    const lsn = await this.#parts.source.barrier()
    // A new epoch lets go of whoever waits.
    while (this.log.position.lsn < lsn) await this.#logWait.until(lsn)
    return lsn
  }

  #issueToken(claims: Omit<SessionClaims, 'expiresAt'>): {
    token: string
    expiresAt: number
  } {
    const [secret] = this.#parts.secrets
    if (secret === undefined) throw new Error('no secret to sign tokens with')
    const expiresAt = this.#parts.runtime.now() + this.#parts.limits.tokenTtlMs
    return { token: signToken(secret, { ...claims, expiresAt }), expiresAt }
  }
}

/** Whether the database was out of reach or overloaded. */
function mayPass(error: unknown): boolean {
  const told = outwardError(error, true)
  return told instanceof LockstepError && told.retryable
}
