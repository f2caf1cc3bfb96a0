import type { Bus, BusEntry } from '@lockstep/server/stages'
import type { Owner } from '../clock/owner.ts'
import type { Scheduler } from '../clock/scheduler.ts'
import type { Random } from '../random/random.ts'
import type { BusPace } from '../schedule/schedule.ts'

/** What stands between nodes: takes entries while it is there, and has a life of its own. */
export class Broker {
  readonly scheduler: Scheduler
  readonly random: Random
  readonly pace: BusPace
  /** Counts its lives: what it had not promised in one is gone in the next, or some of it. */
  life = 0
  #awayUntil = 0
  #slowUntil = 0
  #slowMs = 0

  constructor(scheduler: Scheduler, random: Random, pace: BusPace) {
    this.scheduler = scheduler
    this.random = random
    this.pace = pace
  }

  get away(): boolean {
    return this.scheduler.now < this.#awayUntil
  }

  /** What an append takes on its way, at least. */
  get delayMs(): number {
    const own = this.random.below(this.pace.appendMs + 1)
    return own + (this.scheduler.now < this.#slowUntil ? this.#slowMs : 0)
  }

  /** Refuses everything for so long. */
  leave(ms: number): void {
    this.#awayUntil = Math.max(this.#awayUntil, this.scheduler.now + ms)
  }

  /** Takes its time with everything. */
  slow(ms: number, byMs: number): void {
    this.#slowUntil = this.scheduler.now + ms
    this.#slowMs = byMs
  }

  /** Begins anew after `ms`, without what it had not promised. */
  restart(ms: number): void {
    this.life++
    this.leave(ms)
  }
}

/**
 * A bus over a network, as one process has it: an append takes time and may be refused, whether the broker has the entry
 * or not; what it has comes to the readers later, at times much of it at once. The entry's bytes are read when it arrives,
 * and are copies from then on.
 */
export class ModelBus implements Bus {
  readonly #broker: Broker
  readonly #owner: Owner
  readonly #readers: ((entry: BusEntry) => void)[] = []
  /** When the last entry arrives, and when the last one comes back: neither way lets entries overtake each other. */
  #arrivesAt = 0
  #comesAt = 0
  #closed = false

  constructor(broker: Broker, owner: Owner) {
    this.#broker = broker
    this.#owner = owner
  }

  append(entry: BusEntry): Promise<void> {
    const { scheduler, random, pace } = this.#broker
    if (this.#closed) return Promise.reject(new Error('the bus is closed'))
    this.#arrivesAt = Math.max(this.#arrivesAt, scheduler.now + this.#broker.delayMs)
    return new Promise((resolve, reject) => {
      scheduler.at(this.#arrivesAt, () => {
        const { life } = this.#broker
        if (this.#broker.away) {
          this.#owner.do(() => reject(new Error('the bus is away')))
          return
        }
        // Where the broker restarts before it has promised, it may have the entry all the same.
        const stays = random.chance(0.5)
        const copy = copyOf(entry)
        let promised = false
        const comesAt = inBursts(scheduler.now + random.below(pace.deliverMs + 1), pace.burstMs)
        this.#comesAt = Math.max(this.#comesAt, comesAt)
        scheduler.at(this.#comesAt, () => {
          if (promised || stays || life === this.#broker.life) this.#owner.do(() => this.#give(copy))
        })
        scheduler.after(random.below(pace.appendMs + 1), () => {
          promised = life === this.#broker.life
          if (promised) this.#owner.do(resolve)
          else this.#owner.do(() => reject(new Error('the bus began anew')))
        })
      })
    })
  }

  subscribe(reader: (entry: BusEntry) => void): void {
    this.#readers.push(reader)
  }

  close(): Promise<void> {
    this.#closed = true
    this.#readers.length = 0
    return Promise.resolve()
  }

  #give(entry: BusEntry): void {
    for (const reader of this.#readers) reader(entry)
  }
}

const inBursts = (at: number, burstMs: number): number =>
  burstMs === 0 ? at : Math.ceil(at / burstMs) * burstMs

function copyOf(entry: BusEntry): BusEntry {
  if (entry.kind !== 'transaction') return entry
  const channels = entry.transaction.channels.map((routed) => ({
    ...routed,
    views: routed.views.map((view) => view && [Buffer.concat(view)]),
  }))
  return { ...entry, transaction: { ...entry.transaction, channels } }
}
