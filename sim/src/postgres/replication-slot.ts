import { DatabaseError } from './database.ts'
import type { Instance } from './instance.ts'
import type { Walsender } from './walsender.ts'

/** A logical replication slot. */
export class ReplicationSlot {
  readonly name: string
  /** Commits that start before are not told any more. */
  confirmed: number
  /** As the disk has it: a crash goes back to this. */
  persisted: number
  invalidated: string | undefined
  reader: Walsender | undefined
  readonly #instance: Instance

  constructor(name: string, lsn: number, instance: Instance) {
    this.name = name
    this.confirmed = lsn
    this.persisted = lsn
    this.#instance = instance
  }

  /** WAL from here on is kept for it. */
  get restart(): number {
    return Math.min(
      this.#instance.wal.oldestNeeded(this.persisted),
      this.#instance.oldestRunning,
      this.persisted,
    )
  }

  confirm(lsn: number): void {
    if (lsn > this.confirmed) this.confirmed = Math.min(lsn, this.#instance.wal.flushed)
  }

  persist(): void {
    this.persisted = this.confirmed
  }

  /** @throws DatabaseError 55006 */
  assertFree(): void {
    if (this.reader !== undefined)
      throw new DatabaseError('55006', `replication slot "${this.name}" is active for PID ${this.reader.pid}`)
  }

  invalidate(why: string): void {
    this.invalidated = why
    this.reader?.end()
  }
}
