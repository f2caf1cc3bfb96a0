/**
 * The memory of messages that are larger than a message may be, while they arrive: of all connections together. Such
 * messages are taken in, up to a bound, so that their sender can be told which of its requests it was.
 */
export class Oversize {
  readonly #bytesMax: number
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** False: there is no room for so many more. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }

  get bytes(): number {
    return this.#bytes
  }
}
