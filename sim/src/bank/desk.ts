import type { Runtime } from '@lockstep/server'
import { type Database, DatabaseError } from '../postgres/database.ts'
import { type Books, type Posting, Refusal } from './books.ts'

/** How often a write that lost against another one is run again. */
const attemptsMax = 5

export interface DeskRequest {
  readonly user: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

export interface DeskAnswer {
  readonly status: number
  readonly body: string
}

/**
 * The bank's endpoint for clients' writes, which does what `write/writer.ts` does: key, posting and response in one
 * transaction, a repeated request gets the recorded response, and the stream hears who wrote.
 */
export class Desk {
  readonly #database: Database
  readonly #books: Books
  readonly #process: { readonly runtime: Runtime; readonly alive: () => boolean }
  readonly #last = new Map<string, Promise<unknown>>()

  constructor(
    database: Database,
    books: Books,
    process: { readonly runtime: Runtime; readonly alive: () => boolean },
  ) {
    this.#database = database
    this.#books = books
    this.#process = process
  }

  async answer(request: DeskRequest): Promise<DeskAnswer> {
    const key = `${request.user} ${request.headers['idempotency-key']}`
    const before = this.#last.get(key) ?? Promise.resolve()
    const own = before.then(() => this.#attempts(key, request))
    const ended = own.catch(() => {})
    this.#last.set(key, ended)
    try {
      return await own
    } finally {
      if (this.#last.get(key) === ended) this.#last.delete(key)
    }
  }

  async #attempts(key: string, request: DeskRequest): Promise<DeskAnswer> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(key, request)
      } catch (error) {
        if (error instanceof Refusal) return refuse(422, 'refused', false)
        if (!(error instanceof DatabaseError)) throw error
        const again = error.code === '40P01' || error.code === '23505'
        if (!again || attempt >= attemptsMax) return refuse(503, 'unavailable', true)
      }
      await new Promise<void>((resolve) => void this.#process.runtime.timer(5 * attempt, resolve))
    }
  }

  async #once(key: string, request: DeskRequest): Promise<DeskAnswer> {
    const recorded = await this.#database.transaction((tx) => tx.get('mutations', key))
    const fingerprint = request.body ?? ''
    if (recorded !== undefined) {
      if (recorded['fingerprint'] !== fingerprint) return refuse(409, 'key_reused', false)
      return { status: 200, body: String(recorded['response']) }
    }
    // What the bank's own pages send.
    const posting = JSON.parse(fingerprint) as Posting & { readonly request?: string }
    const author = {
      // A page that has no session yet names none.
      session: request.headers['lockstep-session'] || undefined,
      mutation: request.headers['idempotency-key'],
      request: posting.request,
    }
    const n = await this.#books.post(posting, author, {
      before: (tx) => tx.insert('mutations', { id: key, fingerprint, response: '' }),
      after: async (tx, n) => {
        await tx.update('mutations', key, { response: responseOf(n) })
        // The connection of a process that is gone is gone as well.
        if (!this.#process.alive()) throw new DatabaseError('08006', 'the connection is lost')
      },
    })
    return { status: 200, body: responseOf(n) }
  }
}

const responseOf = (n: number | undefined): string => JSON.stringify({ n: n ?? null })

function refuse(status: number, code: string, retryable: boolean): DeskAnswer {
  return { status, body: JSON.stringify({ error: { code, message: 'No.', retryable } }) }
}
