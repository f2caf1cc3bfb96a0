import { assertChannel, type Json, LockstepError } from '@lockstep/protocol'

/** What a transaction tells the stream about itself. */
export interface Announcement {
  readonly session?: string | undefined
  readonly mutation?: string | undefined
  readonly operations?: readonly AnnouncedOperation[] | undefined
}

export interface AnnouncedOperation {
  readonly channel: string
  readonly operation: string
  readonly envelope: Json | object
}

/**
 * Writes an announcement into the WAL as part of the open transaction: it comes out of the stream with the
 * commit, or not at all. `execute` runs one statement with `$1`-style parameters in that transaction.
 * Use it in a transaction of your own that needs no idempotency key; one announcement per transaction.
 */
export async function announce(
  execute: (statement: string, values: readonly string[]) => Promise<unknown>,
  announcement: Announcement,
): Promise<void> {
  const content = announcementText(announcement)
  if (content !== undefined) await execute(announceStatement, [content])
}

/** The cast spares clients that read results by type from having to know pg_lsn. */
export const announceStatement = "SELECT pg_logical_emit_message(true, 'lockstep', $1::text)::text AS lsn"

/** JSON text of an announcement, or undefined where there is nothing to tell. */
export function announcementText(announcement: Announcement): string | undefined {
  const { session, mutation, operations } = announcement
  if (session === undefined && mutation === undefined && !operations?.length) return undefined
  return JSON.stringify({ session, mutation, operations: operations?.length ? operations : undefined })
}

/**
 * Collects the operations of one transaction, within bounds.
 * Envelopes are turned into JSON at once: what is changed afterwards does not count.
 */
export class Operations {
  readonly #bounds: { readonly envelopeBytesMax: number; readonly operationsMax: number }
  readonly #list: AnnouncedOperation[] = []

  constructor(bounds: { readonly envelopeBytesMax: number; readonly operationsMax: number }) {
    this.#bounds = bounds
  }

  get list(): readonly AnnouncedOperation[] {
    return this.#list
  }

  /** @throws LockstepError `bad_channel`, `bad_request`, `too_large` */
  add(channel: string, operation: string, envelope: unknown): void {
    assertChannel(channel)
    assertOperationName(operation)
    if (this.#list.length >= this.#bounds.operationsMax) {
      throw new LockstepError('too_large', `A write has at most ${this.#bounds.operationsMax} operations.`)
    }
    const text = JSON.stringify(envelope) as string | undefined // undefined for undefined and functions
    if (text === undefined) throw new LockstepError('bad_request', 'An envelope is a JSON value.')
    if (Buffer.byteLength(text) > this.#bounds.envelopeBytesMax) {
      throw new LockstepError('too_large', `An envelope has at most ${this.#bounds.envelopeBytesMax} bytes.`)
    }
    this.#list.push({ channel, operation, envelope: JSON.parse(text) })
  }
}

/** @throws LockstepError `bad_request` */
export function assertOperationName(operation: string): void {
  if (!operationPattern.test(operation)) {
    throw new LockstepError('bad_request', 'An operation is named like "items/create".')
  }
}

const operationPattern = /^[A-Za-z0-9_.-]{1,64}(?:\/[A-Za-z0-9_.-]{1,64}){0,3}$/
