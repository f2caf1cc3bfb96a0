import { type Fields, isFields, own, type Reply } from './message.ts'
import { Parcel } from './parcel.ts'

/** An HTTP request's, or a WebSocket's upgrade's: what an extension may look at. */
export interface ExtensionRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

export type ExtensionCallback = (message: Reply | null) => void

/**
 * A filter of messages, of Faye's shape: called with the message, the request (null where a message goes out
 * by itself) and a callback that takes the message on, or null to drop it. An `incoming` that sets
 * `message.error` (`code:args:message`) has it refused. May take two parameters: message and callback.
 */
export interface BayeuxExtension {
  incoming?(message: Reply, request: ExtensionRequest | null, callback: ExtensionCallback): void
  outgoing?(message: Reply, request: ExtensionRequest | null, callback: ExtensionCallback): void
}

export class Extensions {
  readonly #all: readonly BayeuxExtension[]
  readonly hasOutgoing: boolean
  readonly #thrown: (error: unknown) => void

  constructor(all: readonly BayeuxExtension[], thrown: (error: unknown) => void) {
    this.#all = all
    this.#thrown = thrown
    this.hasOutgoing = all.some((extension) => extension.outgoing !== undefined)
  }

  /** Through all of them in order; undefined: one has dropped it. Rejects where one throws. */
  async pass(
    way: 'incoming' | 'outgoing',
    message: Fields,
    request: ExtensionRequest | null,
  ): Promise<Reply | undefined> {
    let passed: Reply = message as Reply // parsed for this request alone: an extension may change it
    for (const extension of this.#all) {
      if (extension[way] === undefined) continue
      const next = await run(extension, way, passed, request)
      if (next === null) return undefined
      passed = next
    }
    return passed
  }

  /** Messages that are encoded already, through all `outgoing`. Those that a throw concerns are dropped. */
  async passAll(parcels: readonly Parcel[], request: ExtensionRequest | null): Promise<readonly Parcel[]> {
    if (!this.hasOutgoing) return parcels
    const passed: Parcel[] = []
    for (const { text } of parcels) {
      try {
        const message = await this.pass('outgoing', JSON.parse(text) as Fields, request) // our own text
        if (message !== undefined) passed.push(new Parcel(JSON.stringify(message)))
      } catch (error) {
        this.#thrown(error)
      }
    }
    return passed
  }

  /** A reply through all `outgoing`; undefined: dropped. A throw makes it a refusal. */
  async passReply(reply: Reply, request: ExtensionRequest | null): Promise<Reply | undefined> {
    try {
      return await this.pass('outgoing', reply, request)
    } catch (error) {
      this.#thrown(error)
      const { id, channel } = reply
      return {
        ...(id === undefined ? {} : { id }),
        channel,
        successful: false,
        error: '500::The server failed',
      }
    }
  }

  /**
   * What goes out by itself, on a stream that `out` writes to; undefined: nobody looks at it. `again`: there is
   * room again.
   */
  stream(out: (parcels: readonly Parcel[]) => boolean, again: () => void): Stream | undefined {
    if (!this.hasOutgoing) return undefined
    let turn: Promise<unknown> = Promise.resolve()
    return {
      send: (parcels) => {
        turn = turn.then(async () => {
          const passed = await this.passAll(parcels, null)
          if (passed.length === 0 || out(passed)) again()
        })
        return false
      },
      after: (run) => {
        turn = turn.then(run)
      },
    }
  }
}

/** Keeps the order of what goes through extensions. */
export interface Stream {
  /** False: it has taken them, and wants no more until it has called `again`. */
  send(parcels: readonly Parcel[]): boolean
  /** Runs when all that was sent before has been written. */
  after(run: () => void): void
}

function run(
  extension: BayeuxExtension,
  way: 'incoming' | 'outgoing',
  message: Reply,
  request: ExtensionRequest | null,
): Promise<Reply | null> {
  return new Promise((resolve) => {
    const filter = extension[way]
    if (filter === undefined) resolve(message)
    else if (filter.length > 2) filter.call(extension, message, request, resolve)
    // Faye tells by the number of parameters which form an extension has.
    else Reflect.apply(filter, extension, [message, resolve])
  })
}

/** CometD's time synchronisation: when the server got a message, and how far the client's guess is off. */
export function timesync(ext: Fields, receivedAt: number, now: number): Reply | undefined {
  const asked = own(ext, 'timesync')
  if (!isFields(asked)) return undefined
  const tc = own(asked, 'tc')
  if (typeof tc !== 'number') return undefined
  const lag = numberOr0(own(asked, 'l'))
  const offset = numberOr0(own(asked, 'o'))
  return { tc, ts: receivedAt, p: now - receivedAt, a: tc + offset + lag - receivedAt }
}

function numberOr0(value: unknown): number {
  return typeof value === 'number' ? value : 0
}
