import type { Limits, SyncDefinition } from '@lockstep/server'
import type { Bus } from '@lockstep/server/stages'
import type { Owner } from '../clock/owner.ts'
import type { ProcessRuntime } from '../clock/process-runtime.ts'
import type { Scheduler } from '../clock/scheduler.ts'
import { WallClock } from '../clock/wall-clock.ts'
import type { Answer, LineRequest, Listening } from '../network/line.ts'
import type { Database } from '../postgres/database.ts'
import { Random } from '../random/random.ts'
import type { Journal } from '../run/journal.ts'
import { LockWatch } from './lock-watch.ts'
import { ServerProcess } from './server-process.ts'

export interface NodeParts {
  readonly name: string
  readonly seed: number
  readonly scheduler: Scheduler
  readonly database: Database
  readonly journal: Journal
  readonly limits: Limits
  readonly sync: (runtime: ProcessRuntime) => SyncDefinition
  readonly application: (request: LineRequest, process: ServerProcess) => Promise<Answer>
  readonly rooms: readonly string[]
  /** Of each of its processes. Default: the embedded one. */
  readonly bus?: ((owner: Owner) => Bus) | undefined
}

/** How long a supervisor waits before it starts a process that has ended by itself, in ms. */
const againMs = 300
/** How long a process that is told to end lets its last words travel, in ms. */
const partingMs = 500

/** A computer with a server on it, whose processes come and go. */
export class Node {
  readonly clock: WallClock
  readonly #parts: NodeParts
  readonly #lockWatch: LockWatch
  readonly #secret: string
  #process: ServerProcess | undefined
  #processes = 0
  /** Until then nobody starts one. */
  #downUntil = 0

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.clock = new WallClock(parts.scheduler, 0)
    this.#lockWatch = new LockWatch(parts.journal, parts.rooms)
    this.#secret = `secret of seed ${String(parts.seed).padStart(20, '0')}`
  }

  /** The process that is there, whether it listens or is just starting. */
  get process(): ServerProcess | undefined {
    return this.#process
  }

  get listening(): Listening | undefined {
    return this.#process?.listening === true ? this.#process : undefined
  }

  start(): void {
    const { name, seed, scheduler, database, journal, limits, sync, application, bus } = this.#parts
    if (this.#process !== undefined || scheduler.now < this.#downUntil) return
    const id = `${name} process ${++this.#processes}`
    const process = new ServerProcess({
      name,
      scheduler,
      clock: this.clock,
      random: Random.named(seed, id),
      journal,
      limits,
      secrets: [this.#secret],
      database,
      bus,
      sync,
      application,
    })
    this.#process = process
    process.start().catch(() => {
      if (this.#process !== process) return
      process.kill()
      this.#gone(againMs)
    })
  }

  crash(downMs: number): void {
    this.#process?.kill()
    this.#gone(downMs)
  }

  /** Ends it on purpose, in order. */
  restart(downMs: number): void {
    const process = this.#process
    if (process === undefined) return
    process.close().then(
      () => this.#parts.scheduler.after(partingMs, () => this.#ended(process, downMs)),
      () => this.#ended(process, downMs),
    )
  }

  /** To be called between events: takes down what became of the locks. */
  look(): void {
    this.#lockWatch.look(this.#process?.owner.alive === true ? this.#process.engine.locks : undefined)
  }

  #ended(process: ServerProcess, downMs: number): void {
    if (this.#process !== process) return
    process.kill()
    this.#gone(downMs)
  }

  #gone(downMs: number): void {
    this.#process = undefined
    const { scheduler } = this.#parts
    this.#downUntil = scheduler.now + downMs
    scheduler.after(downMs, () => this.start())
  }
}
