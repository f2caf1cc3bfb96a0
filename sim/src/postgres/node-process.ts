import type { Random } from '../random/random.ts'
import type { Clock, Span } from './clock.ts'
import { DatabaseError } from './database.ts'

/** A server process as Postgres knows it: what goes to and fro takes time, is cut, or comes to nobody. */
export class NodeProcess {
  readonly #clock: Clock
  readonly #random: Random
  readonly #network: Span
  #alive = true
  /** Counts the times that its connections were cut. */
  #cuts = 0
  #silentUntil = 0
  readonly #onCut = new Set<() => void>()

  constructor(clock: Clock, random: Random, network: Span) {
    this.#clock = clock
    this.#random = random
    this.#network = network
  }

  get alive(): boolean {
    return this.#alive
  }

  /** When something that is sent now arrives. */
  arrival(): number {
    const [least, most] = this.#network
    const delay = least + this.#random.next() * (most - least)
    return Math.max(this.#clock.now(), this.#silentUntil) + delay
  }

  /** One way over the network, on a connection of the moment. Of a dead process nothing comes back. */
  pass(): Promise<void> {
    const cuts = this.#cuts
    return new Promise((resolve, reject) => {
      this.#clock.after(this.arrival() - this.#clock.now(), () => {
        if (!this.#alive) return
        if (cuts === this.#cuts) resolve()
        else reject(new DatabaseError('CONNECTION_CLOSED', 'the connection was cut'))
      })
    })
  }

  /** Called at each cut, and when the process dies. @returns takes it back. */
  onCut(run: () => void): () => void {
    this.#onCut.add(run)
    return () => void this.#onCut.delete(run)
  }

  /** All connections end, and what is on its way is lost. */
  cut(): void {
    this.#cuts++
    for (const run of [...this.#onCut]) run()
  }

  /** Nothing arrives on either side for so long, and nobody is told; then it arrives. */
  silence(ms: number): void {
    this.#silentUntil = Math.max(this.#silentUntil, this.#clock.now() + ms)
  }

  kill(): void {
    this.#alive = false
    this.cut()
  }
}
