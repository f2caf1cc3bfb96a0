import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { startPostgres, type TestPostgres } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'

const run = promisify(execFile)

const goneMs = 30_000

/** A Postgres of a run, and what can be done to it. */
export class Cluster {
  readonly url: string
  readonly #postgres: TestPostgres
  readonly #sql: Sql
  #frozen: readonly number[] = []

  private constructor(cluster: TestPostgres) {
    this.#postgres = cluster
    this.url = cluster.url
    this.#sql = postgres(cluster.url, {
      max: 1,
      onnotice: () => {},
      connect_timeout: 5,
      connection: { application_name: 'chaos faults' },
    })
  }

  static async start(): Promise<Cluster> {
    return new Cluster(await startPostgres())
  }

  get port(): number {
    return Number(new URL(this.url).port)
  }

  /** As a power cut would. */
  kill(): Promise<void> {
    return this.#postgres.kill()
  }

  /** The postmaster's immediate shutdown: no checkpoint, and recovery at the next start. */
  async crash(): Promise<void> {
    const pid = this.#pid()
    if (pid === undefined) return
    process.kill(pid, 'SIGQUIT')
    const deadline = performance.now() + goneMs
    while (isAlive(pid) && performance.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20))
    await this.#postgres.kill()
  }

  start(): Promise<void> {
    return this.#postgres.start()
  }

  /** All its processes are there, and do nothing until `thaw`. */
  async freeze(): Promise<void> {
    const pid = this.#pid()
    if (pid === undefined) return
    this.#frozen = [pid, ...(await childrenOf(pid))]
    for (const one of this.#frozen) send(one, 'SIGSTOP')
  }

  thaw(): void {
    for (const one of [...this.#frozen].reverse()) send(one, 'SIGCONT')
    this.#frozen = []
  }

  /** One backend dies by SIGKILL: Postgres ends all of them, and recovers. */
  async killBackend(): Promise<void> {
    const [row] = await this.#query(
      `SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1`,
    )
    if (row !== undefined) send(Number(row['pid']), 'SIGKILL')
  }

  async terminateWalsenders(): Promise<void> {
    await this.#query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'walsender'`,
    )
  }

  async terminateClients(): Promise<void> {
    await this.#query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
    )
  }

  /** The slot is gone, while the server reads from it. */
  async dropSlots(): Promise<void> {
    for (let i = 0; i < dropsMax; i++) {
      await this.terminateWalsenders()
      try {
        await this.#query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots')
        return
      } catch (error) {
        if (Object(error).code !== '55006') throw error // still in use
      }
    }
  }

  /** @throws Error where the database is out of reach */
  async #query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('no answer of Postgres')), queryMs).unref()
    })
    return Promise.race([this.#sql.unsafe(text), late])
  }

  async stop(): Promise<void> {
    this.thaw()
    await this.#sql.end({ timeout: 1 })
    await this.#postgres.stop()
  }

  #pid(): number | undefined {
    try {
      return Number.parseInt(readFileSync(`${this.#postgres.dataDir}/postmaster.pid`, 'utf8'), 10)
    } catch {
      return undefined // it is not running
    }
  }
}

const dropsMax = 20
const queryMs = 10_000

async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid='])
  return stdout
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, of]) => of === parent)
    .map(([pid]) => pid ?? 0)
    .filter((pid) => pid > 0)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It has gone already.
  }
}
