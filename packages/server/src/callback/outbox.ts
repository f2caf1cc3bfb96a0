import type { Logger } from '../runtime/logger.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { CallbackEvent, CallbackLimits } from './callback.ts'
import { Slots } from './slots.ts'

export interface OutboxParts {
  readonly limits: CallbackLimits
  readonly runtime: Runtime
  readonly logger: Logger
  /** Undefined: taken; else why not. Never rejects. */
  tell(event: CallbackEvent, attempt: number): Promise<string | undefined>
  /** It is no longer to be kept. Never rejects. */
  settled(event: CallbackEvent): Promise<void>
}

/** The events of one session that wait, in order. */
interface Queue {
  readonly events: CallbackEvent[]
  /** Attempts at the first of them. */
  attempts: number
  timer: Timer | undefined
  running: Promise<void> | undefined
}

/** Events on their way to the backend: those of one session one after the other, each until it was taken. */
export class Outbox {
  readonly #parts: OutboxParts
  readonly #queues = new Map<string, Queue>()
  readonly #slots: Slots
  #waiting = 0
  #closed = false

  constructor(parts: OutboxParts) {
    this.#parts = parts
    this.#slots = new Slots(parts.limits.parallelMax)
  }

  get waiting(): number {
    return this.#waiting
  }

  add(event: CallbackEvent): void {
    const queue = this.#queues.get(event.session) ?? this.#open(event.session)
    queue.events.push(event)
    this.#waiting++
    if (this.#waiting > this.#parts.limits.waitingMax) this.#giveUpOldest()
    if (queue.timer === undefined) void this.#run(event.session, queue)
  }

  /** Tries at once what waits of a session. False: some of it was not taken. */
  async flush(session: string): Promise<boolean> {
    const queue = this.#queues.get(session)
    if (queue === undefined) return true
    await this.#run(session, queue)
    return queue.events.length === 0
  }

  /** Tries everything once more, in bounded time, and ends. */
  async close(): Promise<void> {
    const { limits, runtime } = this.#parts
    const tried = Promise.all([...this.#queues].map(([session, queue]) => this.#run(session, queue)))
    let late: Timer | undefined
    await Promise.race([
      tried,
      new Promise<void>((resolve) => {
        late = runtime.timer(limits.closeMs, resolve)
      }),
    ])
    late?.cancel()
    this.#closed = true
    for (const queue of this.#queues.values()) queue.timer?.cancel()
    this.#queues.clear()
  }

  #open(session: string): Queue {
    const queue: Queue = { events: [], attempts: 0, timer: undefined, running: undefined }
    this.#queues.set(session, queue)
    return queue
  }

  /** One run at a time; who comes while one is under way waits for that one. */
  #run(session: string, queue: Queue): Promise<void> {
    if (this.#closed) return Promise.resolve()
    queue.timer?.cancel()
    queue.timer = undefined
    queue.running ??= this.#slots
      .run(() => this.#deliver(queue))
      .finally(() => {
        queue.running = undefined
        if (queue.events.length > 0) this.#later(session, queue)
        else if (this.#queues.get(session) === queue) this.#queues.delete(session)
      })
    return queue.running
  }

  /** Tells the events in order, up to one that is not taken. */
  async #deliver(queue: Queue): Promise<void> {
    const { limits, runtime, logger } = this.#parts
    for (let event = queue.events[0]; event !== undefined; event = queue.events[0]) {
      const failure = await this.#parts.tell(event, ++queue.attempts)
      if (queue.events[0] !== event) continue // given up meanwhile, to keep the bound
      if (failure !== undefined) {
        const isLost = runtime.now() - event.at > limits.keepMs
        if (queue.attempts === 1 || isLost) {
          logger.warn(`callback ${event.kind}: ${failure}${isLost ? '; given up' : ', will be tried again'}`)
        }
        if (!isLost) return
      }
      queue.events.shift()
      queue.attempts = 0
      this.#waiting--
      await this.#parts.settled(event)
    }
  }

  #later(session: string, queue: Queue): void {
    if (this.#closed) return
    const { limits, runtime } = this.#parts
    const waitMs = Math.min(limits.retryMsMax, limits.retryMs * 2 ** Math.min(queue.attempts - 1, 20))
    // Between half of it and all, so that sessions that failed together do not come back together.
    const [part = 0] = Buffer.from(runtime.randomText(1), 'base64url')
    queue.timer = runtime.timer(waitMs * (0.5 + part / 512), () => {
      queue.timer = undefined
      void this.#run(session, queue)
    })
  }

  #giveUpOldest(): void {
    let oldest: Queue | undefined
    for (const queue of this.#queues.values()) {
      const [first] = queue.events
      if (first !== undefined && first.at < (oldest?.events[0]?.at ?? Number.POSITIVE_INFINITY))
        oldest = queue
    }
    const event = oldest?.events.shift()
    if (oldest === undefined || event === undefined) return
    oldest.attempts = 0
    this.#waiting--
    this.#parts.logger.error(`callback ${event.kind}: given up, too many wait`)
    void this.#parts.settled(event)
  }
}
