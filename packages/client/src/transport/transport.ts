/**
 * Carries messages between this client and the server, and knows nothing of what they mean. One `open` is
 * one connection. A transport never calls back before `open` has returned.
 */
export type Transport = (url: string, events: TransportEvents) => Link

export interface TransportEvents {
  /** Messages may be sent from now on. */
  opened(): void
  /** One whole message, as the server sent it. */
  message(text: string): void
  /**
   * The connection has ended or could not be made; nothing follows. `code` is the close code of the table of
   * errors (44xx, 45xx), or 1006 where the server gave none; `reason` is its word for it, or empty.
   */
  closed(code: number, reason: string): void
}

export interface Link {
  /** What carries the messages where that is not a WebSocket, as the transport would have it. */
  readonly fallback?: Fallback | undefined
  send(text: string): void
  /** Ends the connection. No event comes after it. */
  close(): void
}

/** Messages take a detour. */
export interface Fallback {
  readonly carrier: 'event-stream' | 'long-polling'
  /** Why, for people. */
  readonly reason: string
}
