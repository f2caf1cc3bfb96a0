import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { type CutProxy, cutProxy } from '@lockstep/testing'
import postgres from 'postgres'
import type { Begin } from '../history/history.ts'
import { Random } from '../random/random.ts'
import { checkHistory, type Found } from './checking.ts'
import { Clients } from './clients.ts'
import { RunClock } from './clock.ts'
import { Cluster } from './cluster.ts'
import { readJournal } from './journal.ts'
import { Load } from './load.ts'
import { writeHistory } from './merge.ts'
import { openBank, rooms } from './opening.ts'
import { Recorder } from './recorder.ts'
import { type Right, Rights } from './rights.ts'
import { Schedule } from './schedule.ts'
import { BankServer, chaosLimits } from './server.ts'
import type { ServerFacts } from './server-main.ts'
import { finals, settle } from './settling.ts'
import type { WriterFacts } from './writer-main.ts'

export interface ChaosOptions {
  readonly seed: number
  readonly forMs: number
  readonly gapMs: readonly [number, number]
  /** Where the history is written. */
  readonly folder: string
  /** Client processes, and clients of each. */
  readonly processes: number
  readonly clients: number
  /** Whether to wait at the end until the server has forgotten everything, and to measure it then. */
  readonly measure: boolean
  /** Hears how it goes. */
  progress(line: string): void
}

export interface ChaosResult {
  readonly file: string
  readonly faults: ReadonlyMap<string, number>
  readonly failures: readonly string[]
  readonly commits: number
  readonly writers: WriterFacts
  readonly connections: number
  readonly serverProcesses: number
  readonly settled: boolean
  readonly found: Found
  /** The server before there was a client, after each minute, and when all clients were gone. */
  readonly before: ServerFacts
  readonly meanwhile: readonly ServerFacts[]
  readonly after: ServerFacts | undefined
}

const progressMs = 5_000
const factsMs = 60_000
const settleMs = 90_000
/** Pause of each writer between two of its transactions. */
const writerPauseMs = 250
const writers = 3

/** Everything that is started, so that it can be ended whatever happens. */
export class Chaos {
  readonly #options: ChaosOptions
  readonly #ends: (() => Promise<unknown>)[] = []
  #ending: Promise<void> | undefined

  constructor(options: ChaosOptions) {
    this.#options = options
  }

  /** Ends all that was started, the last first. */
  end(): Promise<void> {
    this.#ending ??= (async () => {
      for (const end of this.#ends.reverse()) await end().catch(() => {})
    })()
    return this.#ending
  }

  async run(): Promise<ChaosResult> {
    const { seed, forMs, gapMs, folder, progress } = this.#options
    mkdirSync(folder, { recursive: true })
    // What another run has left there is no part of this one.
    for (const file of recordings(folder)) rmSync(file)
    const clock = new RunClock()
    const recorder = new Recorder(`${folder}/run.ndjson`, clock)
    const random = Random.named(seed, 'faults')
    const cluster = await this.#started(await Cluster.start(), (started) => started.stop())
    const sql = postgres(cluster.url, { max: 2, onnotice: () => {}, connect_timeout: 5 })
    this.#ends.push(() => sql.end({ timeout: 1 }))
    const opened = await openBank(sql)
    const database = await this.#started(await cutProxy({ targetPort: cluster.port }), (it) => it.close())
    const rights = decideRights(this.#options.clients, random, recorder)
    const server = await this.#startServer(clock, { cluster, database, rights, recorder })
    const before = await server.facts()
    const clients = await this.#started(
      await Clients.start({
        began: clock.began,
        folder,
        serverPort: server.port,
        seed,
        processes: this.#options.processes,
        clients: this.#options.clients,
      }),
      (started) => started.stop(),
    )
    await Promise.all(clients.slots.map((slot) => clients.open(slot)))
    const load = await this.#started(
      await Load.start({ url: cluster.url, seed, writers, pauseMs: writerPauseMs }),
      (started) => started.stop(),
    )
    const schedule = new Schedule(
      { cluster, database, server, clients, rights, recorder, random },
      { forMs, gapMs, serverShare: 0.5 },
    )
    const meanwhile: ServerFacts[] = []
    const watching = this.#watch({ schedule, load, clients, server, meanwhile })
    await schedule.run()
    progress(`all mended after ${schedule.total} faults; waiting until everything has settled`)
    await clients.quiet()
    await load.stop()
    const end = await settle({ clients, server, rights, sql }, settleMs, progress)
    clearInterval(watching)
    recorder.put(finals(end, clock.now()))
    recorder.flush()
    const commits = await readJournal(sql)
    const after = this.#options.measure ? await this.#measure(clients, server) : undefined
    await this.end()
    const file = await this.#write(opened, clients, commits)
    progress(`checking ${commits.length} commits and all that was seen of them`)
    return {
      file,
      faults: schedule.counts,
      failures: schedule.failures,
      commits: commits.length,
      writers: load.facts,
      connections: clients.connections,
      serverProcesses: server.started,
      settled: end.settled,
      found: await checkHistory(file),
      before,
      meanwhile,
      after,
    }
  }

  async #started<T>(part: T, end: (part: T) => Promise<unknown>): Promise<T> {
    this.#ends.push(() => end(part))
    return part
  }

  async #startServer(
    clock: RunClock,
    parts: {
      readonly cluster: Cluster
      readonly database: CutProxy
      readonly rights: Rights
      readonly recorder: Recorder
    },
  ): Promise<BankServer> {
    const url = new URL(parts.cluster.url)
    url.port = String(parts.database.port)
    const { folder } = this.#options
    const { rights, recorder } = parts
    const { began } = clock
    const options = { began, folder, database: url.href, rights, recorder, limits: chaosLimits }
    return this.#started(await BankServer.start(options), (server) => server.kill())
  }

  /** Tells how it goes, and looks at the server's memory from time to time. */
  #watch(parts: {
    readonly schedule: Schedule
    readonly load: Load
    readonly clients: Clients
    readonly server: BankServer
    readonly meanwhile: ServerFacts[]
  }): NodeJS.Timeout {
    const { schedule, load, clients, server, meanwhile } = parts
    const began = performance.now()
    let factsAt = began
    return setInterval(() => {
      const now = performance.now()
      const seconds = Math.round((now - began) / 1_000)
      this.#options.progress(
        `${seconds} s: ${schedule.total} faults, ${load.facts.commits} commits beside the application, ` +
          `${clients.connections} connections, ${server.started} server processes`,
      )
      void load.look()
      if (now - factsAt < factsMs) return
      factsAt = now
      server.facts().then(
        (facts) => meanwhile.push(facts),
        () => {}, // it is down at the moment
      )
    }, progressMs)
  }

  /** Nobody is there any more, and what the log and the sessions keep has run out. */
  async #measure(clients: Clients, server: BankServer): Promise<ServerFacts> {
    await Promise.all(clients.slots.map((slot) => clients.close(slot)))
    const { retentionMs = 0, logoutMs = 0 } = chaosLimits
    await wait(retentionMs + logoutMs)
    const deadline = performance.now() + retentionMs
    for (;;) {
      const facts = await server.facts()
      // The one who listens in the process itself stays.
      if ((facts.sessions <= 1 && facts.connections <= 1) || performance.now() > deadline) return facts
      await wait(1_000)
    }
  }

  async #write(
    opened: Begin['rooms'],
    clients: Clients,
    commits: Awaited<ReturnType<typeof readJournal>>,
  ): Promise<string> {
    const { folder } = this.#options
    const users = Object.fromEntries(clients.slots.map(({ client, user }) => [client, user]))
    const file = `${folder}/history.ndjson`
    await writeHistory(
      file,
      { kind: 'begin', at: 0, rooms: opened, clients: users },
      commits,
      recordings(folder),
    )
    return file
  }
}

/** What each process has written down. */
function recordings(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /^(run|server-\d+|clients-\d+)\.ndjson$/.test(name))
    .map((name) => `${folder}/${name}`)
}

/** Most are members of most rooms; the one who listens in the server's own process is everywhere. */
function decideRights(users: number, random: Random, recorder: Recorder): Rights {
  const rights = new Rights()
  for (const room of rooms) {
    rights.set('monitor', room, 'member')
    for (let i = 0; i < users; i++) {
      const right = random.of<Right>(['member', 'member', 'member', 'member', 'guest', false])
      rights.set(`u${i}`, room, right)
      recorder.record({ kind: 'rights', user: `u${i}`, room, audience: right, settled: true })
    }
  }
  return rights
}
