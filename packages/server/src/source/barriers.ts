import { LockstepError } from '@lockstep/protocol'
import type { Sql } from 'postgres'

interface Waiter {
  resolve(lsn: number): void
  reject(error: Error): void
}

/** Prefix of the messages that barriers are made of. */
export const barrierPrefix = 'lockstep.barrier'

/**
 * Sends marks through the WAL and tells when they come out of the stream. Calls that come while a mark is
 * being written share the next one.
 */
export class Barriers {
  readonly #sql: Sql
  readonly #slot: string
  /** Tells our marks from those of other processes. */
  readonly #name: string
  /** Calls that no mark was sent for yet. */
  #waiting: Waiter[] = []
  /** Calls whose mark is on its way, by the mark's number. */
  readonly #sent = new Map<number, Waiter[]>()
  #count = 0
  #sending = false
  /** Whether pg_logical_emit_message can flush (Postgres 17). */
  flushes = true

  constructor(sql: Sql, slot: string, name: string) {
    this.#sql = sql
    this.#slot = slot
    this.#name = name
  }

  /** @returns an LSN such that whatever committed before the call has a smaller one, and all later a greater. */
  wait(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      if (!this.#sending) void this.#send()
    })
  }

  /** A mark came out of the stream: all commits up to `lsn` have been given. */
  arrived(content: string, lsn: number): void {
    const [name, number] = content.split(' ')
    if (name !== this.#name) return
    const limit = Number(number)
    for (const [count, waiters] of this.#sent) {
      if (count > limit) break
      this.#sent.delete(count)
      for (const waiter of waiters) waiter.resolve(lsn)
    }
  }

  /** Gives up all calls, e.g. because a new slot does not hold the marks of the old one. */
  fail(error: Error): void {
    const all = [...this.#sent.values()].flat()
    this.#sent.clear()
    all.push(...this.#waiting)
    this.#waiting = []
    for (const waiter of all) waiter.reject(error)
  }

  async #send(): Promise<void> {
    this.#sending = true
    while (this.#waiting.length > 0) {
      const waiters = this.#waiting
      this.#waiting = []
      const number = ++this.#count
      // Before the statement: the mark can come out of the stream before its reply arrives.
      this.#sent.set(number, waiters)
      try {
        await this.#write(`${this.#name} ${number}`)
      } catch (cause) {
        this.#sent.delete(number)
        for (const waiter of waiters) waiter.reject(new LockstepError('unavailable', undefined, { cause }))
      }
    }
    this.#sending = false
  }

  #write(content: string): Promise<unknown> {
    if (this.flushes)
      return this.#sql`SELECT pg_logical_emit_message(false, ${barrierPrefix}, ${content}, true)`.execute()
    // The commit of the small change flushes the message with it.
    return this.#sql`
      WITH touched AS (
        UPDATE lockstep.state SET barrier = barrier + 1 WHERE slot = ${this.#slot} RETURNING 1
      )
      SELECT pg_logical_emit_message(false, ${barrierPrefix}, ${content}) FROM (SELECT count(*) FROM touched) t`.execute()
  }
}
