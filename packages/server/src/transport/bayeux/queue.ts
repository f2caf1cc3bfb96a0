import type { Parcel } from './parcel.ts'

/** What waits for a client, and what was sent and is not acknowledged; bounded by whoever fills it. */
export class Queue {
  #waiting: Parcel[] = []
  #sent: { readonly batch: number; readonly parcels: readonly Parcel[] }[] = []
  #batch = 0
  /** Bytes of JSON, roughly: its characters. */
  bytes = 0
  /** Messages. */
  size = 0

  push(parcels: readonly Parcel[]): void {
    for (const parcel of parcels) {
      this.#waiting.push(parcel)
      this.bytes += parcel.text.length
      this.size++
    }
  }

  /** All that waits, for good. */
  take(): readonly Parcel[] {
    const parcels = this.#waiting
    this.#waiting = []
    this.#forget(parcels)
    return parcels
  }

  /** Number of the newest batch. */
  get batch(): number {
    return this.#batch
  }

  /** Whether something waits that was not sent yet. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** All that waits, kept until it is acknowledged. */
  takeBatch(): readonly Parcel[] {
    const parcels = this.#waiting
    this.#waiting = []
    this.#batch++
    if (parcels.length > 0) this.#sent.push({ batch: this.#batch, parcels })
    return parcels
  }

  /** Up to `batch` all has arrived; what was sent later has not, and waits again. */
  acknowledge(batch: number): void {
    const again: Parcel[] = []
    for (const sent of this.#sent) {
      if (sent.batch <= batch) this.#forget(sent.parcels)
      else again.push(...sent.parcels)
    }
    this.#sent = []
    if (again.length > 0) this.#waiting = [...again, ...this.#waiting]
  }

  #forget(parcels: readonly Parcel[]): void {
    for (const parcel of parcels) this.bytes -= parcel.text.length
    this.size -= parcels.length
  }
}
