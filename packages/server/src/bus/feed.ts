import type { Logger } from '../runtime/logger.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { Bus, BusEntry } from './bus.ts'

export interface BusFeedParts {
  readonly bus: Bus
  readonly runtime: Pick<Runtime, 'timer'>
  readonly logger: Pick<Logger, 'warn'>
  /** What may wait for the bus, in bytes, before no more should be given. */
  readonly bytesMax: number
}

interface Waiting {
  readonly entry: BusEntry
  readonly size: number
  readonly resolve: () => void
}

const againFirstMs = 20
const againMaxMs = 2_000

/** What an entry costs beside its texts. */
const entrySize = 100

/**
 * Hands entries to a bus one after the other, and each again until it is taken: none overtakes one that was refused. A
 * refusal may come of a bus that has the entry all the same; then it comes to the readers twice, and the log leaves it out.
 */
export class BusFeed {
  readonly #parts: BusFeedParts
  readonly #waiting: Waiting[] = []
  #bytes = 0
  #onRoom: (() => void)[] = []
  #again: Timer | undefined
  #closed = false

  constructor(parts: BusFeedParts) {
    this.#parts = parts
  }

  /** As `Bus.append`, but that it waits where the bus refuses. Its promises resolve in order, and never reject. */
  append(entry: BusEntry): void | Promise<void> {
    if (this.#waiting.length > 0) return this.#wait(entry)
    const taken = this.#parts.bus.append(entry)
    if (taken === undefined) return undefined
    const waits = this.#wait(entry)
    void this.#send(taken)
    return waits
  }

  /** Whether so much waits that the source should hold back. */
  get full(): boolean {
    return this.#bytes > this.#parts.bytesMax
  }

  whenRoom(): Promise<void> {
    return this.full ? new Promise((resolve) => this.#onRoom.push(resolve)) : Promise.resolve()
  }

  /** Gives up what waits: it was not acknowledged, so the next start is given it again. */
  close(): void {
    this.#closed = true
    this.#again?.cancel()
  }

  #wait(entry: BusEntry): Promise<void> {
    const size = sizeOf(entry)
    this.#bytes += size
    return new Promise((resolve) => this.#waiting.push({ entry, size, resolve }))
  }

  /** `taken`: the promise for what waits first. */
  async #send(taken: void | Promise<void>): Promise<void> {
    let pending = taken
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      for (let afterMs = againFirstMs; ; afterMs = Math.min(2 * afterMs, againMaxMs)) {
        try {
          await pending
          break
        } catch {
          if (this.#closed) return
          if (afterMs === againFirstMs)
            this.#parts.logger.warn('The bus did not take an entry. It is handed to it until it does.')
          await this.#pause(afterMs)
          pending = this.#parts.bus.append(first.entry)
        }
      }
      if (this.#closed) return
      this.#waiting.shift()
      this.#bytes -= first.size
      first.resolve()
      const next = this.#waiting[0]
      if (next !== undefined) pending = this.#parts.bus.append(next.entry)
      if (!this.full) for (const run of this.#onRoom.splice(0)) run()
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#again = this.#parts.runtime.timer(ms, resolve)
    })
  }
}

function sizeOf(entry: BusEntry): number {
  if (entry.kind !== 'transaction') return entrySize
  let size = entrySize
  for (const { views, operations } of entry.transaction.channels) {
    size += entrySize + (operations?.length ?? 0)
    for (const view of views) for (const part of view ?? []) size += part.length
  }
  return size
}
