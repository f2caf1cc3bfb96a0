import {
  nodeRuntime,
  type PostgresSnapshotReader,
  postgresSnapshots,
  postgresSource,
} from '@lockstep/server/stages'
import { eventually, startPostgres, type TestPostgres } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { cleanSql, tablesSql } from './operation.ts'
import { RealSession } from './real-session.ts'
import { Side, sync, type Transactions } from './side.ts'

const forgetEvery = 20

/** Longest wait for what must happen, in ms. */
const patienceMs = 20_000

/**
 * A real Postgres in which sessions are led step by step. Commits of theirs wait for a standby that there is not: they
 * are durable and in the stream, and become visible when the wait is cancelled.
 */
export class RealPostgres {
  sessions: readonly RealSession[]
  readonly #cluster: TestPostgres
  readonly #admin: Sql
  readonly #reader: PostgresSnapshotReader
  side: Side
  #forgets = false
  #cleaned = 0
  #from = 0

  static async start(sessionCount: number): Promise<RealPostgres> {
    const cluster = await startPostgres({ synchronous_standby_names: 'nobody', synchronous_commit: 'local' })
    const admin = postgres(cluster.url, { max: 2, onnotice: () => {} })
    await admin.unsafe(tablesSql)
    const sessions = await openSessions(cluster.url, sessionCount)
    const real = new RealPostgres(cluster, admin, sessions)
    await real.side.start()
    return real
  }

  private constructor(cluster: TestPostgres, admin: Sql, sessions: readonly RealSession[]) {
    this.#cluster = cluster
    this.#admin = admin
    this.sessions = sessions
    this.#reader = postgresSnapshots({ url: cluster.url })
    this.side = this.#newSide(false)
  }

  /** Empties the tables; what was told until then is left out of `transactions`. */
  async clean(): Promise<void> {
    await this.#admin.unsafe(cleanSql)
    // A restart gives again what was given since the last that forgot.
    if (++this.#cleaned % forgetEvery === 0) await this.restart(true)
    if (this.#forgets) await this.restart(false)
    this.#from = await this.side.source.barrier()
  }

  get transactions(): Transactions {
    return this.side.transactions.filter(({ lsn }) => lsn > this.#from)
  }

  /** A reader with a retention of its own instead of the one there is. */
  async replaceSide(retentionMs: number, pollMs: number): Promise<Side> {
    await this.side.source.close()
    this.side = this.#sideOf({ retentionMs, pollMs })
    await this.side.start()
    return this.side
  }

  /** `forgets`: what the new one is given is not given again after it. */
  async restart(forgets: boolean): Promise<void> {
    await this.side.source.barrier()
    await this.side.source.close()
    this.side = this.#newSide(forgets)
    await this.side.start()
  }

  /** Resolves when the session waits: for a lock, or with its commit. @throws Error where its statement ends instead. */
  async waits(session: RealSession): Promise<void> {
    const deadline = performance.now() + patienceMs
    for (;;) {
      const [row] = await this.#admin<{ waits: boolean }[]>`
        SELECT wait_event_type = 'Lock' OR wait_event = 'SyncRep' AS waits FROM pg_stat_activity WHERE pid = ${session.pid}`
      if (session.outcome !== undefined)
        throw new Error(`it does not wait: ${JSON.stringify(session.outcome)}`)
      if (row?.waits === true) return
      if (performance.now() > deadline) throw new Error('it neither waits nor ends')
    }
  }

  /** @throws Error where it does not end */
  async ends(session: RealSession): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((_, reject) => {
      timer = setTimeout(() => reject(new Error('it does not end')), patienceMs)
    })
    await Promise.race([session.ended(), late]).finally(() => clearTimeout(timer))
  }

  /** Ends what the session waits for or with: a commit is visible then, a statement fails. */
  async cancel(session: RealSession): Promise<void> {
    await this.#admin`SELECT pg_cancel_backend(${session.pid})`
    await this.ends(session)
  }

  /** A power cut, and the start after it. All sessions are new ones then. */
  async crash(): Promise<void> {
    await this.#cluster.kill()
    await Promise.all(this.sessions.map((session) => session.close()))
    await this.#cluster.start()
    this.sessions = await openSessions(this.#cluster.url, this.sessions.length)
    await eventually(() => this.side.source.barrier())
  }

  async stop(): Promise<void> {
    await this.side.source.close()
    await this.#reader.close()
    await Promise.all(this.sessions.map((session) => session.close()))
    await this.#admin.end({ timeout: 1 })
    await this.#cluster.stop()
  }

  #newSide(forgets: boolean): Side {
    this.#forgets = forgets
    return this.#sideOf({ retentionMs: forgets ? 0 : 1e9 })
  }

  #sideOf(options: { retentionMs: number; pollMs?: number }): Side {
    const { collections, fingerprint } = sync
    const source = postgresSource({ url: this.#cluster.url, collections, fingerprint, ...options })
    return new Side(source, this.#reader, nodeRuntime)
  }
}

async function openSessions(url: string, count: number): Promise<readonly RealSession[]> {
  const sessions: RealSession[] = []
  for (let i = 0; i < count; i++) sessions.push(await RealSession.open(url))
  return sessions
}
