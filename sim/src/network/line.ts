import type { HttpReply, HttpRequest, Link, TransportEvents } from '@lockstep/client'
import type { Owner } from '../clock/owner.ts'
import type { Scheduler } from '../clock/scheduler.ts'
import { Random } from '../random/random.ts'
import { NetworkConnection } from './connection.ts'
import { Pipe, type Way } from './pipe.ts'
import type { SocketBounds } from './socket.ts'

/** A process that listens. */
export interface Listening {
  readonly owner: Owner
  accept(connection: NetworkConnection): void
  /** Rejects where the process dies before it has answered. */
  answer(request: LineRequest): Promise<Answer>
}

export interface LineRequest extends HttpRequest {
  readonly url: string
  /** Whose cookie comes with it. */
  readonly user: string
}

export interface Answer {
  readonly status: number
  readonly body: string
}

/** What becomes of a request beside being answered. */
export type RequestFate = 'request-lost' | 'reply-lost' | 'duplicated' | 'silent'

export interface LineParts {
  readonly scheduler: Scheduler
  readonly seed: number
  /** Whose line it is. */
  readonly name: string
  readonly user: string
  readonly device: Owner
  readonly up: Way
  readonly down: Way
  readonly bounds: SocketBounds
  /** Who listens at the server's address now. */
  readonly server: () => Listening | undefined
}

/** How long an attempt takes that finds no network, and one whose packets get no answer, in ms. */
const noNetworkMs = 5
const silenceMs = 21_000
/** A second copy of a request is so much later at most, in ms. */
const copyMsMax = 3_000

/** A device's way to the server: its connections, its requests, and what is wrong with it. */
export class Line {
  readonly up: Way
  readonly down: Way
  readonly #parts: LineParts
  readonly #connections = new Set<NetworkConnection>()
  readonly #fates: RequestFate[] = []
  #connects = 0
  #requests = 0
  /** Those that are on their way. */
  readonly #replies = new Set<Pipe<undefined>>()
  #offline = false
  /** Packets vanish: up, down or both ways. */
  #blocked: 'up' | 'down' | 'both' | undefined

  constructor(parts: LineParts) {
    this.#parts = parts
    this.up = { ...parts.up }
    this.down = { ...parts.down }
  }

  get connections(): ReadonlySet<NetworkConnection> {
    return this.#connections
  }

  // ---- for pages ------------------------------------------------------------------------------------

  /** Opens a WebSocket; `heard` hears of each message before the page does. */
  connect(events: TransportEvents, heard: (text: string) => void): Link {
    const { scheduler, seed, name, device, bounds, server } = this.#parts
    if (this.#offline) {
      const planned = device.after(noNetworkMs, () => events.closed(1006, ''))
      return { send() {}, close: () => planned.cancel() }
    }
    const connection = new NetworkConnection({
      scheduler,
      up: this.up,
      down: this.down,
      bounds,
      random: Random.named(seed, `${name} connection ${++this.#connects}`),
      page: device,
      events,
      heard,
      server,
      ended: (ended) => this.#connections.delete(ended),
    })
    if (this.#blocked !== undefined) connection.vanish(this.#blocked)
    this.#connections.add(connection)
    return connection
  }

  /** One HTTP request; rejects where no reply comes, if that is ever known. */
  fetch(url: string, request: HttpRequest): Promise<HttpReply> {
    const { seed, name, user, device } = this.#parts
    const random = Random.named(seed, `${name} request ${++this.#requests}`)
    return new Promise((resolve, reject) => {
      const fail = (afterMs: number): void => {
        device.after(afterMs, () => reject(new Error('no reply')))
      }
      const fate = this.#offline ? undefined : this.#fates.shift()
      const lostMs = this.#offline
        ? noNetworkMs
        : this.#blocked !== undefined || fate === 'silent'
          ? silenceMs
          : fate === 'request-lost'
            ? random.between(1, copyMsMax)
            : undefined
      if (lostMs !== undefined) {
        fail(lostMs)
        return
      }
      const sent = { ...request, url, user }
      const arrived = this.#travel(this.up, random, sent.body?.length ?? 0)
      if (fate === 'duplicated') this.#deliver(sent, arrived + random.below(copyMsMax), () => {})
      this.#deliver(sent, arrived, (answer) => {
        if (fate === 'reply-lost' || this.#blocked !== undefined) fail(random.between(1, copyMsMax))
        else
          this.#reply(answer, random, () => {
            if (answer === undefined) reject(new Error('no reply'))
            else resolve({ status: answer.status, text: async () => answer.body })
          })
      })
    })
  }

  // ---- faults ---------------------------------------------------------------------------------------

  cut(): void {
    for (const connection of this.#connections) connection.cut()
  }

  /** The connections of now are dead, and nobody is told. */
  vanish(direction: 'up' | 'down' | 'both'): void {
    for (const connection of this.#connections) connection.vanish(direction)
  }

  /** From now on no packet comes through; `undefined`: they do again. */
  block(direction: 'up' | 'down' | 'both' | undefined): void {
    this.#blocked = direction
    if (direction !== undefined) this.vanish(direction)
  }

  /** The device knows that there is no network, or that it is back. */
  set offline(offline: boolean) {
    this.#offline = offline
    if (offline) this.vanish('both')
  }

  /** What is on its way, and what is sent until then, arrives after so long. */
  hold(direction: 'up' | 'down', ms: number): void {
    this[direction].heldUntil = Math.max(this[direction].heldUntil, this.#parts.scheduler.now + ms)
  }

  /** Bytes per ms from now on. */
  throttle(rate: number): void {
    this.down.rate = rate
    for (const way of [...this.#connections, ...this.#replies]) way.replan()
  }

  /** What becomes of the requests to come, one each. */
  spoil(fate: RequestFate): void {
    this.#fates.push(fate)
  }

  /** All is well again with what is begun from now on. */
  heal(): void {
    this.#fates.length = 0
    this.#blocked = undefined
    this.#offline = false
    this.up.rate = this.#parts.up.rate
    this.throttle(this.#parts.down.rate)
  }

  // ---- inside ---------------------------------------------------------------------------------------

  #reply(answer: Answer | undefined, random: Random, arrived: () => void): void {
    const { scheduler, device } = this.#parts
    const pipe = new Pipe<undefined>({
      scheduler,
      way: this.down,
      random,
      receiver: () => device,
      deliver: () => {
        this.#replies.delete(pipe)
        arrived()
      },
    })
    this.#replies.add(pipe)
    pipe.push(undefined, answer?.body.length ?? 0)
  }

  #travel(way: Way, random: Random, bytes: number): number {
    const held = Math.max(0, way.heldUntil - this.#parts.scheduler.now)
    return held + way.latencyMs + way.jitterMs * random.next() + bytes / way.rate
  }

  #deliver(request: LineRequest, afterMs: number, done: (answer: Answer | undefined) => void): void {
    const { scheduler, server } = this.#parts
    scheduler.after(afterMs, () => {
      const listening = server()
      if (listening === undefined) done(undefined)
      else listening.owner.do(() => void listening.answer(request).then(done, () => done(undefined)))
    })
  }
}
