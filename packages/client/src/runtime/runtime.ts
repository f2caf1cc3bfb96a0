/**
 * What is not a function of its input: time, chance, timers, HTTP, and hints that the network is back.
 * A client gets it injected, so that a virtual clock or a simulator can drive it.
 */
export interface Runtime {
  /** ms since 1970; only differences matter. */
  now(): number
  /** Evenly spread over 0 (included) to 1 (excluded). */
  random(): number
  /** Calls `run` once, `afterMs` from now. Returns what cancels it. */
  timer(afterMs: number, run: () => void): () => void
  /** Text that nobody else has made or will make. */
  uniqueId(): string
  /** Rejects when no reply came; a reply of any status resolves. */
  fetch(url: string, request: HttpRequest): Promise<HttpReply>
  /** Calls `listener` whenever coming back is likely to work now. Returns what ends that. */
  onWake(listener: () => void): () => void
}

export interface HttpRequest {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

export interface HttpReply {
  readonly status: number
  text(): Promise<string>
}
