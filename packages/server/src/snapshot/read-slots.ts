/** Reads of the database at a time; more would only take the application's connections. */
const slotsMax = 4

/** Lets a few reads run at a time; the others wait their turn. */
export class ReadSlots {
  #free = slotsMax
  readonly #waiting: (() => void)[] = []

  async run<T>(read: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await read()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
