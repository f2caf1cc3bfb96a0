import { type CutProxy, cutProxy } from '@lockstep/testing'
import { Random } from '../random/random.ts'
import type { Carrier } from './carriers.ts'
import { Child } from './child.ts'
import type { ClientAnswer, ClientConfig } from './client-main.ts'
import type { PageOptions, PageStanding } from './page.ts'

export interface ClientsOptions {
  readonly began: bigint
  readonly folder: string
  readonly serverPort: number
  readonly seed: number
  readonly processes: number
  /** Clients of each process. */
  readonly clients: number
}

/** A client: pages of one user, one after the other, behind a proxy of its own. */
export interface Slot {
  readonly client: string
  readonly user: string
  readonly carrier: Carrier
  readonly process: ClientProcess
  readonly proxy: CutProxy
  /** Pages that it has had. */
  pages: number
}

export interface ClientProcess {
  readonly child: Child
  readonly number: number
}

const carriers: readonly Carrier[] = [
  'websocket',
  'event-stream',
  'long-polling',
  'websocket',
  'websocket',
  'websocket',
  'websocket',
]

/** All clients of a run. */
export class Clients {
  readonly processes: readonly ClientProcess[]
  readonly slots: readonly Slot[]
  readonly #options: ClientsOptions
  readonly #random: Random
  /** Connections that were made so far. */
  connections = 0

  private constructor(options: ClientsOptions, processes: readonly ClientProcess[], slots: readonly Slot[]) {
    this.#options = options
    this.processes = processes
    this.slots = slots
    this.#random = Random.named(options.seed, 'pages')
    for (const { proxy } of slots) proxy.onConnection(() => this.connections++)
  }

  static async start(options: ClientsOptions): Promise<Clients> {
    const { began, folder, serverPort } = options
    const processes: ClientProcess[] = []
    const slots: Slot[] = []
    for (let number = 0; number < options.processes; number++) {
      const config: ClientConfig = { began: String(began), file: `${folder}/clients-${number}.ndjson` }
      const process: ClientProcess = { number, child: await Child.start('client-main', config) }
      processes.push(process)
      for (let i = 0; i < options.clients; i++) {
        slots.push({
          client: `c${number}${i}`,
          // Each user is there in every process.
          user: `u${i}`,
          carrier: carriers[i % carriers.length] ?? 'websocket',
          process,
          proxy: await cutProxy({ targetPort: serverPort }),
          pages: 0,
        })
      }
    }
    return new Clients(options, processes, slots)
  }

  get users(): readonly string[] {
    return [...new Set(this.slots.map(({ user }) => user))]
  }

  /** A new page takes the place of the client's last one. */
  async open(slot: Slot): Promise<void> {
    const { client, user, carrier, proxy } = slot
    const page: PageOptions = {
      client,
      user,
      carrier,
      number: slot.pages++,
      port: proxy.port,
      rendered: this.#random.chance(0.5),
      seed: this.#options.seed,
    }
    await slot.process.child.ask({ order: 'open', page })
  }

  async close({ client, process }: Slot): Promise<void> {
    await process.child.ask({ order: 'close', client })
  }

  async quiet(): Promise<void> {
    for (const { child } of this.processes) await child.ask({ order: 'quiet' })
  }

  async standing(): Promise<readonly PageStanding[]> {
    const answers = await Promise.all(
      this.processes.map(({ child }) => child.ask<ClientAnswer>({ order: 'standing' })),
    )
    return answers.flatMap(({ standing = [] }) => standing)
  }

  async stop(): Promise<void> {
    await Promise.all(this.processes.map(({ child }) => child.kill()))
    await Promise.all(this.slots.map(({ proxy }) => proxy.close()))
  }
}
