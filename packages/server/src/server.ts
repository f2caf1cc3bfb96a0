import type { Server } from 'node:http'
import {
  encodePosition,
  type Json,
  type PageSession,
  type PageState,
  type Snapshot,
  type WirePosition,
} from '@lockstep/protocol'
import type { Sql } from 'postgres'
import { attach } from './attach.ts'
import type { CallbackOptions } from './callback/callback.ts'
import { Callbacks } from './callback/callbacks.ts'
import { hookOf } from './callback/hook.ts'
import { compileSync } from './definition/compile.ts'
import type { SyncDefinition, User } from './definition/definition.ts'
import { Engine } from './engine.ts'
import { assertDatabaseUrl } from './fault/connection.ts'
import { addressOf } from './http/address.ts'
import { createHttp } from './http/http.ts'
import { lockEndpoint } from './http/locks.ts'
import { requestOf } from './http/node.ts'
import { originsFor } from './http/origin.ts'
import { keepEngine } from './inside.ts'
import { Inspector, type InspectorOptions } from './inspector/inspector.ts'
import { Trace } from './inspector/trace.ts'
import { defaultLimits, type Limits } from './limits.ts'
import type { LogStatus } from './log/log.ts'
import type { ObserveOptions, Observer, Reaction, Row } from './observe/observe.ts'
import { Observers } from './observe/observers.ts'
import { createIssuer, type IssueOptions } from './publish/issuer.ts'
import type { PublishOptions } from './publish/publish.ts'
import { createPublisher } from './publish/publisher.ts'
import { prepareExternal } from './publish/tables.ts'
import { exactClock } from './runtime/exact.ts'
import type { Logger } from './runtime/logger.ts'
import { nodeRuntime } from './runtime/node.ts'
import type { Runtime } from './runtime/runtime.ts'
import type { SessionHook } from './session/event.ts'
import { ReservedNumbers } from './session/numbers.ts'
import { loadSecret } from './session/secret.ts'
import { assertSecrets } from './session/token.ts'
import { setUp } from './setup/setup.ts'
import { postgresSnapshots } from './snapshot/postgres.ts'
import type { SnapshotStatus } from './snapshot/store.ts'
import { connectForApplication } from './source/connect.ts'
import { postgresSource } from './source/postgres.ts'
import { isSlotName, slotNameOf } from './source/slot.ts'
import type { SourceSink, SourceStatus } from './source/source.ts'
import type { BayeuxOptions } from './transport/bayeux/bayeux.ts'
import type { JuggernautOptions } from './transport/juggernaut/juggernaut.ts'
import { prepareWrites } from './write/tables.ts'
import type { Writer } from './write/write.ts'
import { createWriter } from './write/writer.ts'

export interface SyncServerOptions {
  readonly sync: SyncDefinition
  /** URL of the Postgres database. */
  readonly database: string
  /** Who sends an HTTP request, e.g. by its cookie; null for nobody. */
  readonly authenticate: (request: Request) => User | null | Promise<User | null>
  /** Where the sync server is mounted. Default `/lockstep`. */
  readonly path?: string
  /** Signs session tokens: at least 32 characters; of several the first signs and all are accepted. Default: one kept in the database. */
  readonly secret?: string | readonly string[]
  /** Origins of other hosts whose pages may connect. The server's own host always may. */
  readonly origins?: readonly string[]
  /** Whether a proxy of one's own writes `X-Forwarded-Host`. */
  readonly trustProxy?: boolean
  /** Lets other backends publish at `POST {path}/publish`. Default: nobody. @see docs/protocol.md B1 */
  readonly publish?: PublishOptions
  /** Lets other backends open sessions at `POST {path}/sessions`. Default: nobody. @see docs/protocol.md H6 */
  readonly issue?: IssueOptions
  /** `apply`: mend what can be mended in the database; `check` (default): only name it. */
  readonly setup?: 'apply' | 'check'
  /** Name of the replication slot and publication. Default: `lockstep_` and the database's name. */
  readonly slot?: string
  readonly limits?: Partial<Limits>
  /** What others are shown of a user, beside its locks and its presence, e.g. `({ name }) => ({ name })`. Default: nothing. */
  readonly showUser?: (user: User) => Json
  /** Hears of the life of each session, and may refuse a subscribe. @see docs/protocol.md S5 */
  readonly onSession?: SessionHook
  /** Tells a backend over HTTP of each session's life, and asks it whom to let in. @see docs/protocol.md A1 */
  readonly callbacks?: CallbackOptions
  /** Default: warnings and errors to the console. */
  readonly logger?: Logger
  readonly runtime?: Runtime
  /** Serves Faye and CometD clients beside the native ones, at `mount`, by default `/bayeux`. */
  readonly bayeux?: BayeuxOptions
  /** Serves programs that speak Juggernaut on a port of their own. @see docs/protocol.md J1 */
  readonly juggernaut?: JuggernautOptions
  /** Shows administrators what goes on, at `{path}/inspector`. Default: there is none. @see docs/protocol.md H7 */
  readonly inspector?: InspectorOptions
}

/** A running sync server: writes (`write`, `respond`, `via`) and everything that keeps clients in step. */
export interface SyncServer extends Omit<Writer, 'close'> {
  /** Takes upgrades and requests under `path` of an HTTP server; others go where they went before. */
  attach(server: Server): void
  /** Answers a request under `path`; undefined: it is not one of ours. Never rejects. */
  handle(request: Request): Promise<Response | undefined>
  /** A session for a page of this user, good for the named channels, or all that `authorize` allows. */
  issueSession(user: User, channels?: readonly string[]): PageSession
  /**
   * All that a page needs to show channels at once and miss nothing after: a session, and rows with their
   * position. Includes everything committed before the call.
   * @throws LockstepError `no_channel`, `unavailable`
   */
  page(user: User, channels: readonly string[]): Promise<PageState>
  /** The rows of a channel as this user sees them. @throws LockstepError `no_channel`, `unavailable` */
  snapshot(channel: string, user: User): Promise<Snapshot>
  /** Resolves when everything committed before the call has been handed to every connection with room. */
  barrier(): Promise<WirePosition>
  /** Asks `authorize` again for all of a user's subscriptions: after rights were taken or given. */
  reauthorize(userId: string | number): Promise<void>
  /**
   * Side effects after commit: calls `react` with each change of the collection's rows, in the order of
   * commits, at least once. @see docs/protocol.md B7
   * @throws Error where the name is taken, TypeError for an unknown collection
   */
  observe<R = Row>(collection: string, react: Reaction<R>, options?: ObserveOptions): Promise<Observer>
  status(): SyncServerStatus
  /**
   * Every event of a session that this server tells has at least this number, and those of servers before it on this
   * database have lower ones. @see docs/protocol.md S6
   */
  readonly firstNumber: number
  /** The port for programs that speak Juggernaut, where there is one. */
  readonly juggernautPort: number | undefined
  /** A pool on the database, for the application's own queries. */
  readonly sql: Sql
  /** From now on `GET {path}/ready` answers 503, so that a balancer sends nobody more; all else goes on. */
  drain(): void
  /** Tells clients to come back, ends connections and stream. The slot stays. */
  close(): Promise<void>
}

export interface SyncServerStatus {
  readonly source: SourceStatus
  readonly log: LogStatus
  readonly snapshots: SnapshotStatus
  readonly sessions: number
  readonly locks: { readonly held: number; readonly waiting: number }
  /** Sessions in channels that tell who is there. */
  readonly present: number
  readonly connections: number
  readonly subscriptions: number
  /** Subscriptions that are behind the log because their connection is slow. */
  readonly behind: number
  /** Times a subscription was given a fresh snapshot, since the start. */
  readonly resets: number
}

const consoleLogger: Logger = {
  debug() {},
  info() {},
  warn: (message) => console.warn(`lockstep: ${message}`),
  error: (message) => console.error(`lockstep: ${message}`),
}

/**
 * Starts a sync server. Resolves when the stream flows and clients may come.
 * @throws SetupError naming what is wrong with the database and the SQL that mends it; Error for a bad definition
 */
export async function createSyncServer(options: SyncServerOptions): Promise<SyncServer> {
  const { database: url, authenticate, path = '/lockstep', origins = [], trustProxy = false } = options
  const logger = options.logger ?? consoleLogger
  const runtime = options.runtime ?? nodeRuntime
  const limits: Limits = { ...defaultLimits, ...options.limits }
  const sync = compileSync(options.sync)
  assertDatabaseUrl(url)
  const slot = options.slot ?? slotNameOf(url)
  if (!isSlotName(slot)) throw new TypeError(`slot "${slot}" is not 1 to 63 small letters, digits and _.`)
  await prepareExternal(url, sync.collections)
  await setUp(options.setup ?? 'check', {
    url,
    collections: sync.collections,
    fingerprint: sync.fingerprint,
    slot,
    runtime,
    logger,
  })

  const sql = connectForApplication(url, { max: 10, applicationName: 'lockstep writes' })
  const reader = postgresSnapshots({ url })
  const source = postgresSource({
    url,
    collections: sync.collections,
    fingerprint: sync.fingerprint,
    slot,
    retentionMs: limits.retentionMs,
    runtime,
    logger,
    onError: (collection, error) =>
      logger.error(`collection "${collection.name}" is no longer kept in step: ${error.message}`),
  })
  try {
    await prepareWrites(sql)
    const secrets =
      typeof options.secret === 'string'
        ? [options.secret]
        : (options.secret ?? [await loadSecret(sql, runtime)])
    assertSecrets(secrets)
    const numbers = await ReservedNumbers.open(sql, runtime, logger)
    const { rising } = numbers
    const observers = new Observers({
      sql,
      slot,
      collections: sync.collections,
      retentionMs: limits.retentionMs,
      runtime,
      logger,
    })
    await observers.load()
    const trace = options.inspector && new Trace(exactClock(runtime))
    const tap = (router: SourceSink): SourceSink => observers.tap(trace?.sink(router) ?? router)
    const callbacks =
      options.callbacks &&
      new Callbacks({
        options: options.callbacks,
        sql,
        slot,
        logoutMs: limits.logoutMs,
        runtime,
        logger,
        numbers: rising,
        isKnown: (session) => engine.sessions.get(session) !== undefined,
      })
    const onSession = hookOf(options.onSession, callbacks)
    const { showUser } = options
    const parts = { sync, source, reader, secrets, runtime, logger, limits }
    const engine = new Engine({ ...parts, onSession, showUser, tap, trace, numbers: rising })
    await engine.start()
    await callbacks?.start()
    try {
      const juggernautPort = options.juggernaut && (await engine.juggernaut(options.juggernaut))
      return keepEngine(assemble(engine, { numbers, observers, callbacks, juggernautPort, trace }), engine)
    } catch (error) {
      await engine.close()
      await callbacks?.close()
      numbers.close()
      throw error
    }
  } catch (error) {
    await Promise.allSettled([source.close(), reader.close(), sql.end({ timeout: 1 })])
    throw error
  }

  function assemble(
    engine: Engine,
    { numbers, observers, callbacks, juggernautPort, trace }: Assembled,
  ): SyncServer {
    const writer = createWriter({
      sql,
      runtime,
      logger,
      tables: sync.collections,
      epoch: () => engine.log.position.epoch,
      authenticate,
      ownerOf: (session) => engine.sessions.get(session)?.user.id,
      limits: { requestBytesMax: limits.bodyBytesMax },
      trace: trace?.requests,
    })
    const publisher =
      options.publish &&
      createPublisher({
        sql,
        sync,
        options: options.publish,
        runtime,
        logger,
        epoch: () => engine.log.position.epoch,
        limits: { requestBytesMax: limits.bodyBytesMax },
      })
    const pageOf = async (user: User, channels: readonly string[], withRows: boolean): Promise<PageState> => {
      // First the session: what is committed after its position is never missed, rows or not.
      const session = engine.issueSession(user, channels)
      const snapshots = withRows
        ? await Promise.all(channels.map((channel) => readSnapshot(engine, user, channel)))
        : []
      return { url: path, session, snapshots }
    }
    const inspector =
      options.inspector &&
      trace &&
      new Inspector({ options: options.inspector, trace, source, logger, ...engine.facts() })
    const http = createHttp({
      inspector: inspector && ((request, rest) => inspector.answer(request, rest)),
      path,
      issue: options.issue && createIssuer({ options: options.issue, runtime, page: pageOf }),
      publish: publisher && ((request) => publisher.handle(request)),
      authenticate,
      snapshot: async (channel, user) => {
        const { view, snapshot } = await engine.snapshotFor(user, channel)
        // One channel may look different to each audience: the view is part of what the tag names.
        return { json: snapshot.json, etag: `${encodePosition(snapshot.position)}-${view}` }
      },
      issueSession: (user, channels) => engine.issueSession(user, channels),
      locks: lockEndpoint({
        locking: engine.hub.beside.locking,
        authenticate,
        verifyToken: (token) => engine.verifyToken(token),
        sessionOf: (id) => engine.sessions.get(id),
        runtime,
      }),
      health: () => ({ status: 'ok', connected: source.status().connected }),
      draining: () => draining,
      origins,
      trustProxy,
      runtime,
      logger,
    })
    const bayeux =
      options.bayeux &&
      engine.bayeux(options.bayeux, {
        authenticate: async (incoming) => {
          const request = requestOf(incoming)
          return request === undefined ? null : ((await authenticate(request)) ?? null)
        },
        ...originsFor(origins, trustProxy),
        addressOf: (incoming) => addressOf(incoming, trustProxy),
      })
    const detach: (() => void)[] = []
    let draining = false
    return {
      sql,
      juggernautPort,
      firstNumber: numbers.first,
      write: (request, run, settings) => writer.write(request, run, settings),
      writeWithPosition: (request, run, settings) => writer.writeWithPosition(request, run, settings),
      respond: (request, run, settings) => writer.respond(request, run, settings),
      broadcast: (request, operation, channel) => writer.broadcast(request, operation, channel),
      via: (transactions) => writer.via(transactions),
      attach(server) {
        detach.push(
          attach(server, {
            path,
            origins,
            trustProxy,
            logger,
            handle: (request) => http.handle(request),
            upgrade: (request, socket, head) => engine.upgrade(request, socket, head),
            bayeux,
            carry: (address, incoming, outgoing) => engine.carry(address, incoming, outgoing),
          }),
        )
      },
      handle: (request) => http.handle(request),
      issueSession: (user, channels) => engine.issueSession(user, channels),
      page: (user, channels) => pageOf(user, channels, true),
      snapshot: (channel, user) => readSnapshot(engine, user, channel),
      barrier: () => engine.barrier(),
      reauthorize: (userId) => engine.hub.reauthorize(userId),
      observe: <R>(collection: string, react: Reaction<R>, options?: ObserveOptions) =>
        // The application says what its rows are.
        observers.observe(collection, react as Reaction, options),
      status: () => ({
        source: source.status(),
        log: engine.log.status(),
        snapshots: engine.snapshots.status(),
        sessions: engine.sessions.size,
        locks: engine.locks.status(),
        ...engine.presence.status(),
        ...engine.hub.status(),
      }),
      drain() {
        draining = true
      },
      async close() {
        draining = true
        for (const undo of detach) undo()
        await observers.close() // first: its calls may use the server
        await engine.close()
        await callbacks?.close() // after the last disconnected
        numbers.close()
        await Promise.all([writer.close(), publisher?.close()])
        await Promise.all([reader.close(), sql.end({ timeout: 5 })])
      },
    }
  }
}

/** What a server has beside its engine. */
interface Assembled {
  readonly numbers: ReservedNumbers
  readonly observers: Observers
  readonly callbacks: Callbacks | undefined
  readonly juggernautPort: number | undefined
  readonly trace: Trace | undefined
}

async function readSnapshot(engine: Engine, user: User, channel: string): Promise<Snapshot> {
  const { snapshot } = await engine.snapshotFor(user, channel)
  return JSON.parse(snapshot.json) // we wrote it: it has the shape of the message
}
