/** Bytes of messages in one request, roughly: the server takes a megabyte. */
const requestCharsMax = 131_072
/** Messages in one request; the server takes 2,000. */
const messagesMax = 500

export interface Reply {
  readonly status: number
  readonly body: ReadableStream<Uint8Array> | null
  text(): Promise<string>
}

/** Sends one request. Cookies stay at home: the token in `hello` says who it is. */
export function post(url: string, body: string, signal: AbortSignal): Promise<Reply> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
    signal,
    credentials: 'omit',
    cache: 'no-store',
  })
}

export function requestBody(connection: string | undefined, messages: readonly string[]): string {
  const named = connection === undefined ? '' : `"connection":${JSON.stringify(connection)},`
  return `{${named}"messages":[${messages.join(',')}]}`
}

/** What waits to be sent, in order; one request at a time, since two could overtake each other. */
export class Outbox {
  #waiting: string[] = []
  #sending = false
  #connection: string | undefined
  readonly #url: string
  readonly #signal: AbortSignal
  readonly #failed: (status: number) => void

  constructor(url: string, signal: AbortSignal, failed: (status: number) => void) {
    this.#url = url
    this.#signal = signal
    this.#failed = failed
  }

  push(text: string): void {
    this.#waiting.push(text)
    void this.#send()
  }

  /** The server has named the connection: messages can follow. */
  begin(connection: string): void {
    this.#connection = connection
    void this.#send()
  }

  /** Tells that this side lives. */
  pong(): void {
    if (!this.#sending) void this.#send(true)
  }

  /** Takes as much as fits into one request. */
  take(): string[] {
    let chars = 0
    let count = 0
    for (const text of this.#waiting) {
      chars += text.length
      if (count > 0 && (chars > requestCharsMax || count >= messagesMax)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #send(evenNothing = false): Promise<void> {
    if (this.#sending || this.#connection === undefined) return
    this.#sending = true
    try {
      while ((evenNothing || this.#waiting.length > 0) && !this.#signal.aborted) {
        evenNothing = false
        const reply = await post(
          `${this.#url}/messages`,
          requestBody(this.#connection, this.take()),
          this.#signal,
        )
        if (reply.status !== 204) return this.#failed(reply.status)
      }
    } catch {
      this.#failed(0)
    } finally {
      this.#sending = false
    }
  }
}
