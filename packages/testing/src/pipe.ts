import type { Socket } from 'node:net'

/** Bounds a pipe from outside. */
export interface PipeGauge {
  /** Bytes that may still pass. */
  allowance(): number
  /** Called when bytes have been handed to the kernel on the far side. */
  passed(bytes: number): void
}

/** What a pipe does to the bytes that pass. */
export interface PipeSettings {
  readonly paused: boolean
  readonly bytesPerSecond: number | undefined
  /** How much later than they came bytes go on. */
  readonly delayMs: number
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
  readonly #held: { bytes: Buffer; readonly at: number }[] = []
  #heldBytes = 0
  #paused = false
  #stopped = false
  #sourceEnded = false
  #writing = false
  #bytesPerSecond: number | undefined
  #delayMs = 0
  #credit = 0
  #creditAt = 0
  #tick: NodeJS.Timeout | undefined
  ended = false

  constructor(from: Socket, to: Socket, gauge?: PipeGauge) {
    this.#from = from
    this.#to = to
    this.#gauge = gauge
    from.on('data', (chunk: Buffer) => {
      if (this.ended) return
      this.#held.push({ bytes: chunk, at: performance.now() })
      this.#heldBytes += chunk.length
      if (this.#heldBytes >= heldBytesMax) from.pause()
      this.#pump()
    })
    from.on('end', () => {
      this.#sourceEnded = true
      this.#pump()
    })
  }

  set({ paused, bytesPerSecond, delayMs }: PipeSettings): void {
    this.#paused = paused
    this.#delayMs = delayMs
    if (this.#bytesPerSecond !== bytesPerSecond) {
      this.#bytesPerSecond = bytesPerSecond
      this.#credit = 0
      this.#creditAt = performance.now()
    }
    this.#pump()
  }

  /** Says the end to the far side now: what is held and what comes later is lost. */
  finish(): void {
    if (this.ended) return
    this.ended = true
    this.#held.length = this.#heldBytes = 0
    clearTimeout(this.#tick)
    this.#from.resume()
    this.#to.end()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#tick)
  }

  #pump(): void {
    if (this.#stopped || this.#paused || this.#writing || this.ended) return
    const first = this.#held[0]
    if (first === undefined) {
      if (this.#sourceEnded) {
        this.ended = true
        this.#to.end()
      }
      return
    }
    const early = this.#delayMs - (performance.now() - first.at)
    if (early > 0) {
      this.#waitFor(early)
      return
    }
    const chunk = first.bytes
    const allowed = Math.min(
      chunk.length,
      this.#refill(),
      this.#gauge?.allowance() ?? Number.POSITIVE_INFINITY,
    )
    if (allowed < 1) {
      if (this.#bytesPerSecond !== undefined) this.#waitFor(throttleTickMs)
      return
    }
    const part = chunk.subarray(0, allowed)
    if (allowed === chunk.length) this.#held.shift()
    else first.bytes = chunk.subarray(allowed)
    this.#heldBytes -= allowed
    this.#credit -= allowed
    this.#writing = true
    // One write at a time: its callback says that the kernel has it, so counts are exact when a cut comes.
    this.#to.write(part, (error) => {
      this.#writing = false
      if (error || this.ended) return
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

  #waitFor(ms: number): void {
    clearTimeout(this.#tick)
    this.#tick = setTimeout(() => this.#pump(), ms)
  }
}
