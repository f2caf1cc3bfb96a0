import type { PageState, Snapshot } from '@lockstep/protocol'
import { encodePosition, LockstepError } from '@lockstep/protocol'
import type { Limits, SyncDefinition, User } from '@lockstep/server'
import {
  type Bus,
  type Connection,
  compileSync,
  Engine,
  type Logger,
  Requests,
  type Source,
} from '@lockstep/server/stages'
import { Owner } from '../clock/owner.ts'
import { ProcessRuntime } from '../clock/process-runtime.ts'
import type { Scheduler } from '../clock/scheduler.ts'
import type { WallClock } from '../clock/wall-clock.ts'
import type { NetworkConnection } from '../network/connection.ts'
import type { Answer, LineRequest, Listening } from '../network/line.ts'
import type { Database } from '../postgres/database.ts'
import type { Random } from '../random/random.ts'
import type { Journal } from '../run/journal.ts'
import type { Content } from './audit.ts'
import { NetworkCarrier } from './network-carrier.ts'

/** Where the sync server is mounted. */
export const mountPath = '/lockstep'

export interface ServerProcessParts {
  /** The node, whose n-th process this is. */
  readonly name: string
  readonly scheduler: Scheduler
  readonly clock: WallClock
  readonly random: Random
  readonly journal: Journal
  readonly limits: Limits
  readonly secrets: readonly string[]
  readonly database: Database
  readonly bus?: ((owner: Owner) => Bus) | undefined
  /** The definition, whose rules run in this process. */
  readonly sync: (runtime: ProcessRuntime) => SyncDefinition
  /** The application's own endpoints. */
  readonly application: (request: LineRequest, process: ServerProcess) => Promise<Answer>
}

/** A server's process: the engine as it is in production, over a modelled database and network. */
export class ServerProcess implements Listening {
  readonly name: string
  readonly owner: Owner
  readonly runtime: ProcessRuntime
  readonly engine: Engine
  readonly #parts: ServerProcessParts
  readonly #source: Source & { kill(): void }
  readonly #requests: Requests
  readonly #carriers = new Set<NetworkCarrier>()
  readonly #unanswered = new Set<() => void>()
  readonly #mourners = new Set<() => void>()
  #listening = false

  constructor(parts: ServerProcessParts) {
    const { name, scheduler, clock, random, database, bus, secrets, limits } = parts
    this.name = name
    this.#parts = parts
    this.owner = new Owner(scheduler)
    this.runtime = new ProcessRuntime(this.owner, clock, random)
    const { runtime } = this
    const logger = this.#logger()
    const sync = compileSync(parts.sync(runtime))
    const { retentionMs } = limits
    this.#source = database.source({ node: name, runtime, sync, logger, retentionMs })
    this.engine = new Engine({
      sync,
      source: this.#source,
      reader: database.reader({ node: name }),
      bus: bus?.(this.owner),
      secrets,
      runtime,
      logger,
      limits,
      showUser: ({ id }) => ({ id }),
    })
    const { hub } = this.engine
    this.#requests = new Requests({
      hub,
      runtime,
      logger,
      limits,
      verifyToken: (token) => this.engine.verifyToken(token),
    })
  }

  get listening(): boolean {
    return this.#listening && this.owner.alive
  }

  get carriers(): ReadonlySet<NetworkCarrier> {
    return this.#carriers
  }

  /** Rejects where the database is out of reach: then the process ends. */
  async start(): Promise<void> {
    await this.engine.start()
    this.#listening = true
  }

  // ---- what comes from the network ------------------------------------------------------------------

  accept(network: NetworkConnection): void {
    const { journal, limits } = this.#parts
    const { engine, runtime } = this
    try {
      const carrier = new NetworkCarrier(network, {
        engine,
        requests: this.#requests,
        runtime,
        limits,
        sent: (connection, content) => this.#sent(journal, connection, content),
        ended: (ended) => this.#carriers.delete(ended),
      })
      this.#carriers.add(carrier)
    } catch (error) {
      const refusal = error instanceof LockstepError ? error : new LockstepError('internal')
      network.refuse(refusal.close, refusal.code)
    }
  }

  answer(request: LineRequest): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const die = (): void => reject(new Error('the process has died'))
      this.#unanswered.add(die)
      this.#route(request)
        .catch((error: unknown) => refusal(error))
        .then((answer) => {
          if (this.#unanswered.delete(die)) resolve(answer)
        })
    })
  }

  async #route(request: LineRequest): Promise<Answer> {
    if (request.url === `${mountPath}/session`) {
      const { id, token } = this.engine.issueSession({ id: request.user })
      return { status: 200, body: JSON.stringify({ id, token }) }
    }
    if (request.url.startsWith('/page/')) {
      const rooms = request.url.slice('/page/'.length).split(',')
      const page = await this.#page({ id: request.user }, rooms)
      return { status: 200, body: JSON.stringify(page) }
    }
    return this.#parts.application(request, this)
  }

  /** As `SyncServer.page`: of rooms that the user may not see there are no rows. */
  async #page(user: User, rooms: readonly string[]): Promise<PageState> {
    const channels = rooms.map((room) => `room/${room}`)
    const session = this.engine.issueSession(user)
    const snapshots = await Promise.all(
      channels.map(async (channel): Promise<Snapshot | undefined> => {
        try {
          const { snapshot } = await this.engine.snapshotFor(user, channel)
          return JSON.parse(snapshot.json) // the server's own message
        } catch (error) {
          if (error instanceof LockstepError && error.code === 'no_channel') return undefined
          throw error
        }
      }),
    )
    return { url: mountPath, session, snapshots: snapshots.filter((snapshot) => snapshot !== undefined) }
  }

  /** Calls `run` when the process is gone. */
  whenGone(run: () => void): void {
    this.#mourners.add(run)
  }

  // ---- ends -----------------------------------------------------------------------------------------

  /** SIGKILL: nothing that was only in memory is left. */
  kill(): void {
    this.owner.kill()
    this.#listening = false
    this.#source.kill()
    for (const carrier of [...this.#carriers]) carrier.die()
    this.#carriers.clear()
    for (const run of [...this.#unanswered, ...this.#mourners]) run()
    this.#unanswered.clear()
    this.#mourners.clear()
  }

  /** SIGTERM: tells everyone to come back, and ends. */
  async close(): Promise<void> {
    this.#listening = false
    await this.engine.close()
    this.kill()
  }

  // ---- inside ---------------------------------------------------------------------------------------

  #sent(journal: Journal, { session }: Connection, { room, withMemo }: Content): void {
    if (session === undefined) return
    journal.add({ kind: 'sent', user: String(session.user.id), session: session.id, room, withMemo })
  }

  /** What the server says of itself: an error of its own code is a fault whatever was broken. */
  #logger(): Logger {
    const { journal, name } = this.#parts
    return {
      debug() {},
      info() {},
      warn() {},
      error(message) {
        if (/a request failed:/.test(message)) journal.add({ kind: 'broken', of: name, message })
      },
    }
  }

  /** Where the log stands, as text. */
  get position(): string {
    return encodePosition(this.engine.log.position)
  }
}

function refusal(error: unknown): Answer {
  const known = error instanceof LockstepError ? error : new LockstepError('internal')
  return { status: known.http, body: JSON.stringify({ error: known }) }
}
