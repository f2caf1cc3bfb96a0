import { setTimeout as wait } from 'node:timers/promises'
import type { Random } from '../random/random.ts'
import { networkFaults } from './network-faults.ts'
import { processFaults, serverFaults } from './process-faults.ts'
import { Broken, type FaultKind, type World } from './world.ts'

export interface ScheduleOptions {
  readonly forMs: number
  /** From one fault to the next. */
  readonly gapMs: readonly [number, number]
  /** Share of the time in which server processes may end: the last of them is to be measured after the rest. */
  readonly serverShare: number
}

/** Those that happen often in life come more often than others. */
const often: readonly string[] = [
  'cut',
  'cut',
  'stall both',
  'stall down',
  'throttle',
  'delay',
  'reload',
  'rights changed',
]

/** Breaks one thing after the other, every kind once before any comes again. */
export class Schedule {
  /** How often each kind has happened. */
  readonly counts: Map<string, number> = new Map()
  /** Faults that could not be made, and why. */
  readonly failures: string[] = []
  readonly #world: World
  readonly #options: ScheduleOptions
  readonly #broken = new Broken()
  readonly #running = new Set<Promise<void>>()
  #bag: string[] = []

  constructor(world: World, options: ScheduleOptions) {
    this.#world = world
    this.#options = options
  }

  get total(): number {
    let all = 0
    for (const count of this.counts.values()) all += count
    return all
  }

  /** Resolves when the time is over and everything is whole again. */
  async run(): Promise<void> {
    const { forMs, gapMs, serverShare } = this.#options
    const { random } = this.#world
    const began = performance.now()
    for (;;) {
      await wait(random.between(...gapMs))
      const elapsed = performance.now() - began
      if (elapsed > forMs) break
      const kinds = elapsed < forMs * serverShare ? { ...lasting, ...serverFaults } : lasting
      const name = this.#draw(random, kinds)
      const kind = kinds[name]
      if (kind === undefined) continue
      const running: Promise<void> = this.#cause(name, kind).finally(() => this.#running.delete(running))
      this.#running.add(running)
    }
    await Promise.all(this.#running)
  }

  #draw(random: Random, kinds: Readonly<Record<string, FaultKind>>): string {
    if (this.#bag.length === 0) this.#bag = [...Object.keys(kinds), ...often]
    const [name = ''] = this.#bag.splice(random.below(this.#bag.length), 1)
    return name
  }

  async #cause(name: string, kind: FaultKind): Promise<void> {
    try {
      if (await kind(this.#world, this.#broken)) this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    } catch (error) {
      this.failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

const lasting: Readonly<Record<string, FaultKind>> = { ...networkFaults, ...processFaults }
