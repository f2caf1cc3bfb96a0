// Taken before anything can forbid it: the simulation runs on turns of the real event loop, which let promises settle.
const realTurn = globalThis.setImmediate

/** Steps that are asked of the real event loop at once: asking for each by itself would cost as much as they do. */
const batch = 64

/** Events at one moment, beyond which something asks for itself again and again. */
const momentMax = 100_000

/** Something that is to happen. */
export interface Planned {
  cancel(): void
}

interface Entry {
  readonly at: number
  readonly order: number
  /** Undefined once it is cancelled. */
  run: (() => void) | undefined
}

/**
 * Virtual time, in ms since the run began: what is planned happens in order of time, and at one time in the order in
 * which it was planned. Between two events all promises settle. The same plans give the same run.
 */
export class Scheduler {
  #now = 0
  #order = 0
  #steps = 0
  #inMoment = 0
  readonly #heap: Entry[] = []
  /** Called before each event, when everything that the one before has led to is settled. */
  between: () => void = () => {}

  get now(): number {
    return this.#now
  }

  /** Events that have happened. */
  get steps(): number {
    return this.#steps
  }

  after(ms: number, run: () => void): Planned {
    return this.at(this.#now + ms, run)
  }

  /** What lies in the past happens now. */
  at(time: number, run: () => void): Planned {
    const entry: Entry = { at: Math.max(time, this.#now), order: this.#order++, run }
    this.#rise(entry)
    return {
      cancel: () => {
        entry.run = undefined
      },
    }
  }

  /** Lets everything happen up to a time. Rejects with what an event throws. */
  runUntil(until: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let done = false
      const step = (): void => {
        if (done) return
        const entry = this.#next(until)
        if (entry === undefined) {
          done = true
          this.#now = Math.max(this.#now, until)
          resolve()
          return
        }
        try {
          this.between()
          this.#inMoment = entry.at > this.#now ? 0 : this.#inMoment + 1
          if (this.#inMoment > momentMax) throw new Error(`time stands still at ${this.#now}`)
          this.#now = entry.at
          this.#steps++
          entry.run?.()
        } catch (error) {
          done = true
          reject(error)
        }
      }
      const turns = (): void => {
        for (let i = 1; i < batch; i++) realTurn(step)
        realTurn(() => {
          step()
          if (!done) turns()
        })
      }
      turns()
    })
  }

  /** The next entry that is not cancelled; undefined where none is due. */
  #next(until: number): Entry | undefined {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || (first.run !== undefined && first.at > until)) return undefined
      this.#sink()
      if (first.run !== undefined) return first
    }
  }

  #rise(entry: Entry): void {
    const heap = this.#heap
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const above = (index - 1) >> 1
      const other = heap[above]
      if (other === undefined || !isBefore(entry, other)) break
      heap[index] = other
      index = above
    }
    heap[index] = entry
  }

  /** Takes the first out. */
  #sink(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let below = 2 * index + 1
      const left = heap[below]
      if (left === undefined) break
      const right = heap[below + 1]
      let child = left
      if (right !== undefined && isBefore(right, left)) {
        child = right
        below++
      }
      if (!isBefore(child, last)) break
      heap[index] = child
      index = below
    }
    heap[index] = last
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
