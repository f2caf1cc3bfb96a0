import type { HttpReply, HttpRequest, Runtime } from '../src/index.ts'

interface Planned {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Time that moves only when told to, and chance that repeats. */
export class VirtualRuntime implements Runtime {
  private time = 0
  private planned: Planned[] = []
  private counter = 0
  private seed: number
  private readonly wakers = new Set<() => void>()
  /** Answers HTTP requests; replaced by the scripted server. */
  respond: (url: string, request: HttpRequest) => Promise<HttpReply> = () =>
    Promise.reject(new Error('no server'))

  constructor(seed = 1) {
    this.seed = seed
  }

  now(): number {
    return this.time
  }

  random(): number {
    // A linear congruential generator is even enough for delays.
    this.seed = (Math.imul(this.seed, 1_664_525) + 1_013_904_223) >>> 0
    return this.seed / 2 ** 32
  }

  timer(afterMs: number, run: () => void): () => void {
    // As in browsers, what is no number is no delay.
    const planned = { at: this.time + (afterMs || 0), order: this.counter++, run }
    this.planned.push(planned)
    return () => {
      this.planned = this.planned.filter((other) => other !== planned)
    }
  }

  uniqueId(): string {
    return `id${this.counter++}`
  }

  fetch(url: string, request: HttpRequest): Promise<HttpReply> {
    return this.respond(url, request)
  }

  onWake(listener: () => void): () => void {
    this.wakers.add(listener)
    return () => this.wakers.delete(listener)
  }

  wake(): void {
    for (const waker of [...this.wakers]) waker()
  }

  get timers(): number {
    return this.planned.length
  }

  /** The computer is asleep for `ms`: time passes, and nothing runs. */
  sleep(ms: number): void {
    this.time += ms
  }

  /** Runs what is due within `ms`, letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const until = this.time + ms
    await settle()
    for (;;) {
      const next = this.planned
        .filter(({ at }) => at <= until)
        .sort((a, b) => a.at - b.at || a.order - b.order)[0]
      if (next === undefined) break
      this.planned = this.planned.filter((other) => other !== next)
      this.time = Math.max(this.time, next.at)
      next.run()
      await settle()
    }
    this.time = until
  }
}

/** Lets every promise that can settle do so: a turn of the event loop runs all of them. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
