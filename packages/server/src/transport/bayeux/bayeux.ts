import type { IncomingMessage } from 'node:http'
import type { Position } from '@lockstep/protocol'
import type { Sync, User } from '../../definition/definition.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { SessionClaims } from '../../session/session.ts'
import { BayeuxClient } from './client.ts'
import { type BayeuxExtension, Extensions } from './extensions.ts'
import { AddressBuckets, type BayeuxLimits, defaultBayeuxLimits, takeOne } from './limits.ts'
import { Mapping } from './mapping.ts'
import { OpenChannels, type OpenRule } from './open.ts'
import { Subscriptions } from './subscriptions.ts'

export interface BayeuxOptions {
  /** Where it is mounted. Default `/bayeux`. */
  readonly mount?: string
  /** How long a connect is held at most, in ms. Default 25,000. */
  readonly timeoutMs?: number
  /** Channels that clients may use among themselves: pattern, such as `/chat/**`, to what is allowed. */
  readonly open?: Readonly<Record<string, OpenRule>>
  /** Answers callback-polling (JSON-P). Default: no. */
  readonly jsonp?: boolean
  /** Filters of messages, of the shape of Faye's extensions, in order. */
  readonly extensions?: readonly BayeuxExtension[]
  readonly limits?: Partial<BayeuxLimits>
}

export interface BayeuxParts {
  readonly sync: Sync
  readonly hub: Hub
  readonly runtime: Runtime
  readonly logger: Logger
  /** The log's end. */
  position(): Position
  /** @throws LockstepError `unauthorized` or `session_expired` */
  verifyToken(token: string): SessionClaims
  /** Who sends an HTTP request or an upgrade. */
  authenticate(incoming: IncomingMessage): Promise<User | null>
  /** The address that it came from: what is counted per address is counted by it. */
  addressOf(incoming: IncomingMessage): string
  /** Whether its origin may act for its user. */
  isOriginAllowed(incoming: IncomingMessage): boolean
  /** Whether pages of this origin may read answers: it is listed. */
  isOriginListed(origin: string): boolean
}

export const defaultMount = '/bayeux'
const defaultTimeoutMs = 25_000
/** Requests of one client, and of an address without one: steady rate and burst. */
const requestsPerSecond = 100
const requestsBurst = 2_500
/** Time between two looks for clients that are gone. */
const sweepMs = 1_000

/**
 * Serves Faye and CometD clients: a mapping of Bayeux onto the hub. A client is a session with one carrier;
 * its subscriptions are the hub's. @see docs/protocol.md Y1
 */
export class Bayeux {
  readonly parts: BayeuxParts
  readonly options: BayeuxOptions
  readonly limits: BayeuxLimits
  readonly timeoutMs: number
  readonly extensions: Extensions
  readonly open: OpenChannels
  readonly mapping: Mapping
  readonly #clients = new Map<string, { client: BayeuxClient; subscriptions: Subscriptions }>()
  /** Clients that have not connected yet, the oldest first. */
  readonly #fresh = new Set<BayeuxClient>()
  readonly #guesses: AddressBuckets
  readonly #publications = new AddressBuckets(requestsPerSecond, requestsBurst)
  #sweep: Timer | undefined
  closing = false

  constructor(options: BayeuxOptions, parts: BayeuxParts) {
    this.parts = parts
    this.options = options
    this.limits = { ...defaultBayeuxLimits, ...options.limits }
    this.timeoutMs = options.timeoutMs ?? defaultTimeoutMs
    this.#guesses = new AddressBuckets(this.limits.unknownPerSecond, this.limits.unknownBurst)
    this.extensions = new Extensions(options.extensions ?? [], (error) =>
      parts.logger.error(`a Bayeux extension failed: ${error instanceof Error ? error.stack : 'unknown'}`),
    )
    this.open = new OpenChannels(options.open ?? {})
    this.mapping = new Mapping(parts.sync)
    this.#schedule()
  }

  get size(): number {
    return this.#clients.size
  }

  find(clientId: string): BayeuxClient | undefined {
    return this.#clients.get(clientId)?.client
  }

  subscriptionsOf(client: BayeuxClient): Subscriptions | undefined {
    return this.#clients.get(client.id)?.subscriptions
  }

  /** A new client with an id that cannot be guessed; undefined at the bound. */
  create(): BayeuxClient | undefined {
    if (this.closing || !this.#hasRoom()) return undefined
    const { runtime, hub } = this.parts
    const parts = { hub, mapping: this.mapping, position: () => this.parts.position() }
    return new BayeuxClient({
      id: runtime.randomText(24),
      now: runtime.now(),
      allowance: requestsBurst,
      limits: this.limits,
      listener: (client) => {
        const subscriptions = new Subscriptions(client, parts)
        this.#clients.set(client.id, { client, subscriptions })
        this.#fresh.add(client)
        return subscriptions
      },
      ended: (client) => this.#ended(client),
    })
  }

  /** At the bound whoever shook hands and did not come back makes room. */
  #hasRoom(): boolean {
    if (this.#clients.size < this.limits.clientsMax) return true
    const [oldest] = this.#fresh
    if (oldest === undefined || this.parts.runtime.now() - oldest.seenAt < this.limits.connectMs) return false
    oldest.terminate()
    return true
  }

  /** It has connected. */
  settle(client: BayeuxClient): void {
    this.#fresh.delete(client)
  }

  /** Gives a client a session of its own with the hub. @throws LockstepError at the hub's bounds */
  signIn(client: BayeuxClient, user: User, channels: readonly string[] | undefined): void {
    const connection = this.parts.hub.connect(client)
    client.connection = connection
    client.user = user
    const session = this.parts.runtime.randomText(16)
    this.parts.hub.welcome(connection, { session, user, channels, expiresAt: 0 })
  }

  allowed(client: BayeuxClient): boolean {
    return takeOne(client.allowance, this.parts.runtime.now(), requestsPerSecond, requestsBurst)
  }

  /** Counts an id that nobody has; false: this address has guessed too often. */
  mayGuess(address: string): boolean {
    return this.#guesses.take(address, this.parts.runtime.now())
  }

  /** Counts a message that somebody without a client publishes; false: this address has had too many. */
  mayPublish(address: string): boolean {
    return this.#publications.take(address, this.parts.runtime.now())
  }

  close(): void {
    this.closing = true
    this.#sweep?.cancel()
    for (const { client } of [...this.#clients.values()]) client.end('restarting')
  }

  #ended(client: BayeuxClient): void {
    const found = this.#clients.get(client.id)
    if (found === undefined) return
    this.#clients.delete(client.id)
    this.#fresh.delete(client)
    for (const pattern of found.subscriptions.patterns) this.open.remove(pattern, client)
    found.subscriptions.end()
    if (client.connection !== undefined) this.parts.hub.disconnect(client.connection)
  }

  #schedule(): void {
    this.#sweep = this.parts.runtime.timer(sweepMs, () => {
      const now = this.parts.runtime.now()
      for (const { client } of [...this.#clients.values()]) {
        if (client.held === undefined && now - client.seenAt > this.limits.awayMs) client.terminate()
      }
      this.#schedule()
    })
  }
}
