import type { WriteHead } from '../write/request.ts'
import type { TracedRequest } from './life.ts'

/** Requests whose commits are yet to come out of the stream; of more the oldest are forgotten. */
export const requestsMax = 1_000

/** Requests of writes, to be found again by what their commits say of their writer. */
export class Requests {
  readonly #requests = new Map<string, TracedRequest>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  get size(): number {
    return this.#requests.size
  }

  /** A write begins. A retry counts to its first: what it did may be committed already. */
  begin({ session, mutation }: Pick<WriteHead, 'session' | 'mutation'>): void {
    if (mutation === undefined) return
    const name = nameOf(session, mutation)
    if (this.#requests.has(name)) return
    this.#requests.set(name, { beganAt: this.#now(), answeredAt: undefined })
    if (this.#requests.size <= requestsMax) return
    const [oldest] = this.#requests.keys()
    if (oldest !== undefined) this.#requests.delete(oldest)
  }

  /** Its transaction has been committed, and the application has the result. */
  end({ session, mutation }: Pick<WriteHead, 'session' | 'mutation'>): void {
    if (mutation === undefined) return
    const request = this.#requests.get(nameOf(session, mutation))
    if (request !== undefined) request.answeredAt ??= this.#now()
  }

  find(session: string | undefined, mutation: string | undefined): TracedRequest | undefined {
    return mutation === undefined ? undefined : this.#requests.get(nameOf(session, mutation))
  }
}

function nameOf(session: string | undefined, mutation: string): string {
  return `${session ?? ''}\n${mutation}`
}
