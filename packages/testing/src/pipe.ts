import type { Socket } from 'node:net'

/** Bounds a pipe from outside. */
export interface PipeGauge {
  /** Bytes that may still pass. */
  allowance(): number
  /** Called when bytes have been handed to the kernel on the far side. */
  passed(bytes: number): void
}

/** How much a pipe keeps before it stops reading its source, in bytes. */
const heldBytesMax = 65_536

/** How often a throttled pipe lets bytes go, in ms. */
const throttleTickMs = 10

/** Bytes of one direction of a proxied connection; stops, slows and resumes on command. */
export class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #gauge: PipeGauge | undefined
  readonly #held: Buffer[] = []
  #heldBytes = 0
  #paused = false
  #stopped = false
  #sourceEnded = false
  #writing = false
  #bytesPerSecond: number | undefined
  #credit = 0
  #creditAt = 0
  #tick: NodeJS.Timeout | undefined
  ended = false

  constructor(from: Socket, to: Socket, gauge?: PipeGauge) {
    this.#from = from
    this.#to = to
    this.#gauge = gauge
    from.on('data', (chunk: Buffer) => {
      this.#held.push(chunk)
      this.#heldBytes += chunk.length
      if (this.#heldBytes >= heldBytesMax) from.pause()
      this.#pump()
    })
    from.on('end', () => {
      this.#sourceEnded = true
      this.#pump()
    })
  }

  set(paused: boolean, bytesPerSecond: number | undefined): void {
    this.#paused = paused
    if (this.#bytesPerSecond !== bytesPerSecond) {
      this.#bytesPerSecond = bytesPerSecond
      this.#credit = 0
      this.#creditAt = performance.now()
    }
    this.#pump()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#tick)
  }

  #pump(): void {
    if (this.#stopped || this.#paused || this.#writing || this.ended) return
    const chunk = this.#held[0]
    if (chunk === undefined) {
      if (this.#sourceEnded) {
        this.ended = true
        this.#to.end()
      }
      return
    }
    const allowed = Math.min(
      chunk.length,
      this.#refill(),
      this.#gauge?.allowance() ?? Number.POSITIVE_INFINITY,
    )
    if (allowed < 1) {
      this.#waitForCredit()
      return
    }
    const part = chunk.subarray(0, allowed)
    if (allowed === chunk.length) this.#held.shift()
    else this.#held[0] = chunk.subarray(allowed)
    this.#heldBytes -= allowed
    this.#credit -= allowed
    this.#writing = true
    // One write at a time: its callback says that the kernel has it, so counts are exact when a cut comes.
    this.#to.write(part, (error) => {
      this.#writing = false
      if (error) return
      this.#gauge?.passed(allowed)
      if (this.#heldBytes < heldBytesMax && !this.#stopped) this.#from.resume()
      this.#pump()
    })
  }

  /** Bytes that the rate allows now. */
  #refill(): number {
    if (this.#bytesPerSecond === undefined) return Number.POSITIVE_INFINITY
    const now = performance.now()
    const burst = Math.max(1, (this.#bytesPerSecond * throttleTickMs * 2) / 1000)
    this.#credit = Math.min(burst, this.#credit + ((now - this.#creditAt) * this.#bytesPerSecond) / 1000)
    this.#creditAt = now
    return Math.floor(this.#credit)
  }

  #waitForCredit(): void {
    if (this.#bytesPerSecond === undefined) return
    clearTimeout(this.#tick)
    this.#tick = setTimeout(() => this.#pump(), throttleTickMs)
  }
}
