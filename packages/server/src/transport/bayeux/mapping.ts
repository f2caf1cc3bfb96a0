import { type ChannelPattern, isChannel, matchChannel, type TransactionMessage } from '@lockstep/protocol'
import type { Sync } from '../../definition/definition.ts'
import type { Frame } from '../../log/frame.ts'
import { isGlob, matches } from './message.ts'
import { Parcel } from './parcel.ts'

/** A Bayeux channel that shows a part of one of the hub's: a collection, or its operations. */
export interface Target {
  /** `/sync/project/1/items` */
  readonly name: string
  /** The hub's: `project/1` */
  readonly channel: string
  /** Undefined: the operations. */
  readonly collection: string | undefined
}

/** Targets that are kept to be the same for all. */
const knownMax = 10_000

/**
 * Names of the hub's channels as Bayeux clients know them: `/sync/<channel>/<collection>`,
 * `/sync/<collection>` where a collection has one fixed channel, and `/operations/<channel>`.
 */
export class Mapping {
  readonly #sync: Sync
  /** Collections with a single fixed channel, to it. */
  readonly #single = new Map<string, string>()
  /** Declared channels without parameters. */
  readonly #fixed: string[] = []
  /** Clients that show the same have the same target: then what is sent to one is found for all. */
  readonly #known = new Map<string, Target>()

  constructor(sync: Sync) {
    this.#sync = sync
    for (const { name, channels } of sync.collections) {
      const [only] = channels
      if (channels.length === 1 && only !== undefined && isFixed(only.template)) {
        this.#single.set(name, only.template.source)
      }
    }
    for (const { pattern } of sync.channels) if (isFixed(pattern)) this.#fixed.push(pattern.source)
  }

  /**
   * What a subscription asks for. A glob over channels reaches those that `known` names (a session's own
   * list) and those without parameters: which others there are only the application knows.
   */
  targets(pattern: string, known: readonly string[]): Target[] {
    if (!isGlob(pattern)) {
      const target = this.#target(pattern)
      return target === undefined ? [] : [this.#same(target)]
    }
    const prefix = pattern.replace(/\/\*\*?$/, '')
    const named = prefix.replace(/^\/(sync|operations)\//, '')
    const channels = new Set([...this.#fixed, ...known, ...(isChannel(named) ? [named] : [])])
    const found: Target[] = []
    for (const channel of channels) {
      for (const target of this.#targetsOf(channel))
        if (matches(pattern, target.name)) found.push(this.#same(target))
    }
    return found
  }

  #same(target: Target): Target {
    const known = this.#known.get(target.name)
    if (known !== undefined) return known
    if (this.#known.size >= knownMax) this.#known.clear()
    this.#known.set(target.name, target)
    return target
  }

  #target(name: string): Target | undefined {
    const [, root, ...segments] = name.split('/')
    if (root === 'operations') {
      const channel = segments.join('/')
      return isChannel(channel) ? { name, channel, collection: undefined } : undefined
    }
    const collection = segments.pop() ?? ''
    const channel = segments.length === 0 ? (this.#single.get(collection) ?? '') : segments.join('/')
    if (!isChannel(channel) || !this.#shows(channel, collection)) return undefined
    return { name, channel, collection }
  }

  #targetsOf(channel: string): Target[] {
    const found: Target[] = [{ name: `/operations/${channel}`, channel, collection: undefined }]
    for (const { name: collection } of this.#sync.collections) {
      if (!this.#shows(channel, collection)) continue
      found.push({ name: `/sync/${channel}/${collection}`, channel, collection })
      if (this.#single.get(collection) === channel)
        found.push({ name: `/sync/${collection}`, channel, collection })
    }
    return found
  }

  #shows(channel: string, collection: string): boolean {
    const found = this.#sync.collections.find(({ name }) => name === collection)
    return found?.channels.some(({ template }) => matchChannel(template, channel) !== undefined) ?? false
  }
}

function isFixed(pattern: ChannelPattern): boolean {
  return pattern.segments.every((segment) => segment.kind === 'fixed')
}

/** One transaction as Bayeux messages, encoded once for all clients that get them. */
export class Encoded {
  readonly message: TransactionMessage
  readonly lsn: number
  readonly channel: string
  readonly #parcels = new Map<string, readonly Parcel[]>()
  /** What was asked for last: most clients ask for the same. */
  #last: { readonly target: Target; readonly parcels: readonly Parcel[] } | undefined

  constructor(message: TransactionMessage) {
    this.message = message
    this.channel = message.channel
    this.lsn = Number.parseInt(message.position.split('.')[1] ?? '', 16)
  }

  /** The messages for one Bayeux channel: one per transaction and collection, one per operation. */
  parcelsFor(target: Target): readonly Parcel[] {
    if (this.#last?.target === target) return this.#last.parcels
    let parcels = this.#parcels.get(target.name)
    if (parcels === undefined) {
      parcels = this.#dataFor(target).map((data) =>
        delivery(target.name, data, { position: this.message.position }),
      )
      this.#parcels.set(target.name, parcels)
    }
    this.#last = { target, parcels }
    return parcels
  }

  #dataFor({ collection }: Target): object[] {
    const { changes, operations, session } = this.message
    if (collection === undefined) {
      return (operations ?? []).map(({ operation, envelope }) => ({
        operation,
        envelope,
        session_id: session ?? null,
      }))
    }
    const changed = Object.hasOwn(changes, collection) ? changes[collection] : undefined
    if (changed === undefined) return []
    const { create, update, destroy } = changed
    return [
      {
        ...(create === undefined ? {} : { create }),
        ...(update === undefined ? {} : { update }),
        ...(destroy === undefined ? {} : { destroy: Object.fromEntries(destroy.map((key) => [key, {}])) }),
      },
    ]
  }
}

/** A message to subscribers. Always has `data`: without it CometD takes it for a reply. */
export function delivery(channel: string, data: unknown, lockstep?: object): Parcel {
  return new Parcel(
    JSON.stringify({ channel, data, ...(lockstep === undefined ? {} : { ext: { lockstep } }) }),
  )
}

const encoded = new WeakMap<Frame, Encoded>()
/** The one that was asked for last: the hub goes through all clients with the same frame. */
let latest: { readonly frame: Frame; readonly encoded: Encoded } | undefined

/** The same object for the same frame: what the hub sends to a thousand clients is read once. */
export function encodedOf(frame: Frame, message: () => TransactionMessage): Encoded {
  let found = encoded.get(frame)
  if (found === undefined) {
    found = new Encoded(message())
    encoded.set(frame, found)
  }
  return found
}

export function knownEncoded(frame: Frame): Encoded | undefined {
  if (latest?.frame === frame) return latest.encoded
  const found = encoded.get(frame)
  if (found !== undefined) latest = { frame, encoded: found }
  return found
}
