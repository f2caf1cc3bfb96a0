import type { Json, ResetReason } from '@lockstep/protocol'
import type { Channel, OperationContext } from '../channel/channel.ts'
import type { Report } from '../listeners.ts'

/** Takes the envelope without its parts. */
export type OperationCallback = (envelope: Json, context: OperationContext) => void

/** Takes one part of an envelope. `false`: the rest of this operation is not for this page. */
export type PartCallback = (value: Json, context: OperationContext) => unknown

/** What others did in a channel, by name: callbacks for it, and for parts that many operations carry. */
export interface Operations {
  /**
   * Calls back when another session's operation of this name has been committed, after its rows are there;
   * first the parts of its envelope are handled. Without a callback, those are all of it. Returns what ends it.
   */
  registerCallback(operation: string, callback?: OperationCallback): () => void
  /**
   * Handles a part, such as `_flash`, of whatever operation carries it. Parts are handled in the order in which they
   * were registered, before any callback. A later registration of the same part takes its place.
   */
  registerPart(part: `_${string}`, callback: PartCallback): () => void
  /**
   * The rows were replaced instead of continued: operations of the meantime were not heard, their rows are there.
   * @see docs/protocol.md O6
   */
  onMissed(listener: (reason: ResetReason) => void): () => void
}

/** As much of a channel as operations need. */
export type OperationChannel = Pick<Channel<unknown>, 'name' | 'on' | 'onStatus'>

export interface OperationsOptions {
  /** Hears of callbacks that throw, and once of each part that nobody handles. Default `console.error`. */
  readonly onError?: Report
}

/** Callbacks for the operations of a channel. One object for each channel, so that a part is handled once. */
export function operationsOf(channel: OperationChannel, options: OperationsOptions = {}): Operations {
  return new ChannelOperations(channel, options.onError ?? ((error) => console.error(error)))
}

class ChannelOperations implements Operations {
  readonly #channel: OperationChannel
  readonly #report: Report
  readonly #callbacks = new Map<string, Set<{ readonly call: OperationCallback | undefined }>>()
  readonly #parts = new Map<string, PartCallback>()
  readonly #unknownParts = new Set<string>()

  constructor(channel: OperationChannel, report: Report) {
    this.#channel = channel
    this.#report = report
  }

  registerCallback(operation: string, callback?: OperationCallback): () => void {
    const entry = { call: callback }
    let entries = this.#callbacks.get(operation)
    if (entries === undefined) {
      entries = new Set()
      this.#callbacks.set(operation, entries)
      // Never taken back: an operation that was known once is not reported as unknown later.
      this.#channel.on(operation, (envelope, context) => this.#tell(envelope, context))
    }
    entries.add(entry)
    return () => {
      entries.delete(entry)
    }
  }

  registerPart(part: `_${string}`, callback: PartCallback): () => void {
    this.#parts.delete(part)
    this.#parts.set(part, callback)
    return () => {
      if (this.#parts.get(part) === callback) this.#parts.delete(part)
    }
  }

  onMissed(listener: (reason: ResetReason) => void): () => void {
    return this.#channel.onStatus((status) => {
      if (status.state === 'live' && status.reset !== undefined) listener(status.reset)
    })
  }

  #tell(envelope: Json, context: OperationContext): void {
    const entries = [...(this.#callbacks.get(context.operation) ?? [])]
    if (entries.length === 0) return
    const { parts, rest } = divide(envelope)
    for (const name of parts.keys()) this.#reportUnknown(name, context)
    for (const [name, callback] of [...this.#parts]) {
      const value = parts.get(name)
      if (value !== undefined && this.#call(() => callback(value, context)) === false) return
    }
    for (const { call } of entries) if (call !== undefined) this.#call(() => call(rest, context))
  }

  #call(run: () => unknown): unknown {
    try {
      return run()
    } catch (error) {
      this.#report(error)
      return undefined
    }
  }

  #reportUnknown(name: string, { operation, channel }: OperationContext): void {
    if (this.#parts.has(name) || this.#unknownParts.has(name)) return
    this.#unknownParts.add(name)
    this.#report(new Error(`Nobody handles the part "${name}" of operation "${operation}" of ${channel}.`))
  }
}

/** The parts of an envelope, by name, and what is left without them. Only objects have parts. */
function divide(envelope: Json): { readonly parts: ReadonlyMap<string, Json>; readonly rest: Json } {
  const parts = new Map<string, Json>()
  if (typeof envelope !== 'object' || envelope === null || Array.isArray(envelope))
    return { parts, rest: envelope }
  const rest: [string, Json][] = []
  for (const [name, value] of Object.entries(envelope)) {
    if (isPart(name)) parts.set(name, value)
    else rest.push([name, value])
  }
  return { parts, rest: Object.fromEntries(rest) }
}

/** `__proto__` and the like are plain fields. */
function isPart(name: string): boolean {
  return name.startsWith('_') && !name.startsWith('__')
}
