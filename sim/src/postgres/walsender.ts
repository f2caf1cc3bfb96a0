import type { Instance } from './instance.ts'
import { lsn, PgoutputWriter, timeOf } from './pgoutput-writer.ts'
import type { ReplicationSlot } from './replication-slot.ts'
import type { Timing } from './timing.ts'

/** A silent reader is given up after this. */
const senderTimeoutMs = 60_000

export interface WalsenderOptions {
  readonly pid: number
  readonly instance: Instance
  readonly slot: ReplicationSlot
  readonly from: number
  readonly published: ReadonlySet<string>
  readonly timing: Timing
  /** Chance that it sleeps through WAL that was flushed, until something else wakes it. */
  readonly missedWake: number
  readonly send: (bytes: Buffer) => void
  /** It has ended, by itself or by order. */
  readonly onEnd: () => void
}

/** Sends what a slot has to tell to one connection, as durable WAL grows. */
export class Walsender {
  readonly pid: number
  readonly #options: WalsenderOptions
  readonly #writer: PgoutputWriter
  /** Records that start here or later are still to be sent. */
  #at: number
  #sent: number
  #planned: { cancel(): void } | undefined
  #heardAt: number
  #ended = false
  #stalledUntil = 0
  #watch: { cancel(): void } | undefined

  constructor(options: WalsenderOptions) {
    this.#options = options
    this.pid = options.pid
    this.#writer = new PgoutputWriter(options.published)
    this.#at = Math.max(options.from, options.slot.confirmed)
    this.#sent = options.slot.confirmed
    this.#heardAt = options.instance.clock.now()
    options.slot.reader = this
    this.wake()
    this.#look()
  }

  /** WAL was flushed. */
  flushed(): void {
    if (this.#options.instance.draw([0, 1]) >= this.#options.missedWake) this.wake()
  }

  wake(): void {
    if (this.#ended || this.#planned !== undefined) return
    const { instance, timing } = this.#options
    const afterMs = Math.max(0, this.#stalledUntil - instance.clock.now()) + instance.draw(timing.send)
    this.#planned = instance.clock.after(afterMs, () => {
      this.#planned = undefined
      this.#pump()
    })
  }

  stall(ms: number): void {
    this.#stalledUntil = this.#options.instance.clock.now() + ms
    this.#planned?.cancel()
    this.#planned = undefined
    this.wake()
  }

  /** A message of the reader. */
  take(bytes: Buffer): void {
    if (this.#ended || bytes[0] !== 0x72) return
    const { instance, slot } = this.#options
    this.#heardAt = instance.clock.now()
    slot.confirm(Number(bytes.readBigUInt64BE(9)))
    if (bytes[33] === 1) this.#keepalive(false)
    this.wake()
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#planned?.cancel()
    this.#watch?.cancel()
    const { slot, onEnd } = this.#options
    if (slot.reader === this) slot.reader = undefined
    onEnd()
  }

  #pump(): void {
    const { instance } = this.#options
    if (instance.clock.now() < this.#stalledUntil) {
      this.wake()
      return
    }
    const { wal } = instance
    for (const record of wal.durableFrom(this.#at)) {
      const messages = record.kind === 'commit' ? this.#writer.commit(record) : [this.#writer.mark(record)]
      for (const message of messages) this.#data(record.start, message)
      this.#at = record.start + 1
    }
    this.#sent = Math.max(this.#sent, wal.flushed)
    this.#at = Math.max(this.#at, this.#sent)
    this.#keepalive(false)
  }

  #data(start: number, message: Buffer): void {
    const { instance, send } = this.#options
    const now = timeOf(Math.floor(instance.clock.now()))
    send(Buffer.concat([Buffer.from('w'), lsn(start), lsn(start), now, message]))
  }

  #keepalive(replyRequested: boolean): void {
    const now = timeOf(Math.floor(this.#options.instance.clock.now()))
    this.#options.send(
      Buffer.concat([Buffer.from('k'), lsn(this.#sent), now, Buffer.from([replyRequested ? 1 : 0])]),
    )
  }

  /** Asks a silent reader, and gives it up. */
  #look(): void {
    const { instance } = this.#options
    this.#watch = instance.clock.after(senderTimeoutMs / 2, () => {
      const silentMs = instance.clock.now() - this.#heardAt
      if (silentMs >= senderTimeoutMs) {
        this.end()
        return
      }
      if (silentMs >= senderTimeoutMs / 2) this.#keepalive(true)
      this.#look()
    })
  }
}
