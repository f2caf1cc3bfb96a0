/**
 * HTTP callbacks to the application's backend: the life of each session that it let in, for applications in any
 * language. @see docs/protocol.md A1
 */
export interface CallbackOptions {
  /** `http://host/juggernaut`: the kind of event is added to it, `/subscribe`. */
  readonly url: string
  /** GET (default) has the facts in the query, POST in a form. */
  readonly method?: 'GET' | 'POST'
  /** Signs each request: at least 32 characters. Of several the first signs; a backend accepts all. */
  readonly secret: string | readonly string[]
  readonly limits?: Partial<CallbackLimits>
}

export interface CallbackLimits {
  /** Time for the backend to answer one request. */
  readonly answerMs: number
  /** Body of an answer to `subscribe`. */
  readonly answerBytesMax: number
  /** Requests at the same time, but for those of `subscribe`. */
  readonly parallelMax: number
  /** Requests of `subscribe` at the same time; others wait for their turn. */
  readonly askingMax: number
  /** Waits between attempts begin with `retryMs`, double, and end at `retryMsMax`. */
  readonly retryMs: number
  readonly retryMsMax: number
  /** How long an event is tried before it is given up. */
  readonly keepMs: number
  /** Events that wait; beyond it the oldest is given up. */
  readonly waitingMax: number
  /** How long the end of the server waits for one more attempt at each. */
  readonly closeMs: number
}

export const defaultCallbackLimits: CallbackLimits = {
  answerMs: 5_000,
  answerBytesMax: 262_144,
  parallelMax: 16,
  askingMax: 64,
  retryMs: 500,
  retryMsMax: 60_000,
  keepMs: 86_400_000,
  waitingMax: 200_000,
  closeMs: 5_000,
}

/** One event as the backend is told. */
export interface CallbackEvent {
  readonly kind: 'subscribe' | 'disconnected' | 'restored' | 'logged_out'
  readonly session: string
  readonly user: string
  /** Rises with every event of a session: a backend drops what is not above the last that it had. */
  readonly number: number
  /** When it happened, ms since 1970. */
  readonly at: number
  /** Of `subscribe`. */
  readonly channel?: string | undefined
  /** Of `subscribe`: the log's position when the session was issued. */
  readonly issuedAt?: string | undefined
}
