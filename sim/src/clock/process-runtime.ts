import type { Runtime, Timer } from '@lockstep/server'
import type { Random } from '../random/random.ts'
import type { Owner } from './owner.ts'
import type { WallClock } from './wall-clock.ts'

/** Longest time that a timer of Node takes; beyond it, it is due at once. */
const timerMsMax = 2_147_483_647

/** How often a turn of the event loop takes time, and how long at most, in ms. */
const busyChance = 0.1
const busyMsMax = 6

/** The runtime of a server's process: timers are true whatever becomes of the clock, as Node's are. */
export class ProcessRuntime implements Runtime {
  readonly #owner: Owner
  readonly #clock: WallClock
  readonly #random: Random

  constructor(owner: Owner, clock: WallClock, random: Random) {
    this.#owner = owner
    this.#clock = clock
    this.#random = random
  }

  now(): number {
    return this.#clock.now()
  }

  timer(afterMs: number, run: () => void): Timer {
    const ms = afterMs >= 1 && afterMs <= timerMsMax ? Math.floor(afterMs) : 1
    return this.#owner.after(ms, run)
  }

  endOfTurn(run: () => void): void {
    this.#owner.after(this.#random.chance(busyChance) ? this.#random.between(1, busyMsMax) : 0, run)
  }

  randomText(bytes: number): string {
    const buffer = Buffer.alloc(bytes)
    for (let i = 0; i < bytes; i++) buffer[i] = this.#random.below(256)
    return buffer.toString('base64url')
  }
}
