import type { Limits } from '@lockstep/server'
import { freePort } from '@lockstep/testing'
import { Child } from './child.ts'
import type { Recorder } from './recorder.ts'
import type { Right, Rights } from './rights.ts'
import type { ServerConfig, ServerFacts } from './server-main.ts'

export const heartbeatMs = 2_000

/** Small, so that every one of them is reached. */
export const chaosLimits: Partial<Limits> = {
  retentionMs: 20_000,
  logBytesMax: 131_072,
  logTotalBytesMax: 1_048_576,
  transactionBytesMax: 65_536,
  transactionTotalBytesMax: 262_144,
  snapshotBytesMax: 2_097_152,
  outboxBytesMax: 32_768,
  heartbeatMs,
  logoutMs: 4_000,
  locksMax: 1_000,
  tokenTtlMs: 12_000,
}

export interface ServerOptions {
  readonly began: bigint
  readonly folder: string
  readonly database: string
  readonly rights: Rights
  readonly recorder: Recorder
  readonly limits: Partial<Limits>
}

const startsMax = 30
const stopMs = 20_000

/** The bank's server: one process after the other, on one port. */
export class BankServer {
  readonly port: number
  /** Processes that have served so far. */
  started = 0
  #tries = 0
  readonly #options: ServerOptions
  #child: Child | undefined

  private constructor(port: number, options: ServerOptions) {
    this.port = port
    this.#options = options
  }

  static async start(options: ServerOptions): Promise<BankServer> {
    const made = new BankServer(await freePort(), options)
    await made.start()
    return made
  }

  /** @throws Error where it does not start in many tries, with what it printed */
  async start(): Promise<void> {
    for (let tries = 1; this.#child === undefined; tries++) {
      try {
        await this.#startOnce()
      } catch (error) {
        // Its database is down or its port is not free yet; an operator's supervisor would try again, too.
        if (tries >= startsMax) throw error
        await new Promise((resolve) => setTimeout(resolve, 500))
      }
    }
  }

  async #startOnce(): Promise<void> {
    const { began, folder, database, rights, recorder, limits } = this.#options
    const config: ServerConfig = {
      began: String(began),
      file: `${folder}/server-${++this.#tries}.ndjson`,
      database,
      port: this.port,
      limits,
      rights: rights.all(),
    }
    const child = await Child.start('server-main', config)
    this.#child = child
    this.started++
    child.onExit(() => {
      if (this.#child !== child) return
      // Nobody asked it to.
      this.#child = undefined
      recorder.record({ kind: 'broken', of: 'server', message: `it ended by itself: ${child.printed}` })
      recorder.record({ kind: 'fault', fault: 'crash', of: 'server' })
      this.start().catch(() => {})
    })
  }

  get printed(): string {
    return this.#child?.printed ?? ''
  }

  async facts(): Promise<ServerFacts> {
    const child = this.#child
    if (child === undefined) throw new Error('no server is running')
    const { facts } = await child.ask<{ facts: ServerFacts }>({ order: 'facts' })
    return facts
  }

  /** Changes a right and resolves when it holds: with this process, or with the one that comes after it. */
  async setRight(user: string, room: string, right: Right): Promise<void> {
    const { rights, recorder } = this.#options
    recorder.record({ kind: 'rights', user, room, audience: right, settled: false })
    recorder.flush()
    rights.set(user, room, right)
    for (;;) {
      const child = this.#child
      try {
        await child?.ask({ order: 'right', user, room, right })
        if (child !== undefined) return
      } catch {
        // It ended meanwhile: the next one begins with the right as it is now.
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    await child?.kill()
  }

  /** Ends it as an operator would. */
  async stop(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    await child?.stop({ order: 'stop' }, stopMs)
  }

  /** It is there, and does nothing. */
  freeze(): void {
    this.#child?.signal('SIGSTOP')
  }

  thaw(): void {
    this.#child?.signal('SIGCONT')
  }
}
