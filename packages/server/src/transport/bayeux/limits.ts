/** Every bound of the Bayeux adapter, with its unit last. */
export interface BayeuxLimits {
  /** Clients that have shaken hands and are not gone. */
  readonly clientsMax: number
  /** How long a client may be away before it is forgotten. */
  readonly awayMs: number
  /** Time from the handshake to the first connect: later, at `clientsMax`, a client makes room for others. */
  readonly connectMs: number
  /** Messages that wait for a client; the rest stays in the log. */
  readonly queueMessagesMax: number
  /** The same in bytes of JSON. */
  readonly queueBytesMax: number
  /** Messages of one request. */
  readonly batchMax: number
  /** Body of a request, or message of a WebSocket, in bytes. */
  readonly bodyBytesMax: number
  /** Time for a body to arrive. */
  readonly bodyMs: number
  /** Time from the upgrade of a WebSocket to its first word. */
  readonly helloMs: number
  /** Subscriptions of one client. */
  readonly subscriptionsMax: number
  /** Client ids that nobody has, from one address: steady rate and burst. */
  readonly unknownPerSecond: number
  readonly unknownBurst: number
}

export const defaultBayeuxLimits: BayeuxLimits = {
  clientsMax: 100_000,
  awayMs: 30_000,
  connectMs: 10_000,
  queueMessagesMax: 1_000,
  queueBytesMax: 1_048_576,
  batchMax: 1_000,
  bodyBytesMax: 1_048_576,
  bodyMs: 10_000,
  helloMs: 5_000,
  subscriptionsMax: 1_000,
  unknownPerSecond: 20,
  unknownBurst: 500,
}

/** A bucket that refills steadily. */
export interface Bucket {
  left: number
  at: number
}

/** Takes one out of a bucket; false where it is empty. */
export function takeOne(bucket: Bucket, now: number, perSecond: number, burst: number): boolean {
  const refill = Math.max(0, ((now - bucket.at) / 1000) * perSecond)
  bucket.left = Math.min(burst, bucket.left + refill)
  bucket.at = now
  if (bucket.left < 1) return false
  bucket.left--
  return true
}

/** Addresses that are counted apart. */
const addressesMax = 10_000

/** A bucket for each address. */
export class AddressBuckets {
  readonly #buckets = new Map<string, Bucket>()
  readonly #perSecond: number
  readonly #burst: number

  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond
    this.#burst = burst
  }

  take(address: string, now: number): boolean {
    let bucket = this.#buckets.get(address)
    if (bucket === undefined) {
      // Whoever comes from as many addresses is not stopped by counting.
      if (this.#buckets.size >= addressesMax) this.#buckets.clear()
      bucket = { left: this.#burst, at: now }
      this.#buckets.set(address, bucket)
    }
    return takeOne(bucket, now, this.#perSecond, this.#burst)
  }
}
