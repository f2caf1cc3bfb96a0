import type { ServerMessage } from '@lockstep/protocol'
import type { Page } from 'playwright-core'

/** What comes to a page over its WebSocket, from now on. */
export class Ear {
  #messages: ServerMessage[] = []

  constructor(page: Page) {
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        // The server's own messages, one a frame.
        this.#messages.push(JSON.parse(payload.toString()) as ServerMessage)
      }),
    )
  }

  forget(): void {
    this.#messages = []
  }

  /** Whether such a message came: of this type, or a transaction with the operation. */
  heard(operation: string, type: string | undefined): boolean {
    return this.#messages.some((message) =>
      type === undefined
        ? message.type === 'transaction' && message.operations?.some((one) => one.operation === operation)
        : message.type === type,
    )
  }

  /** The notice of the last operation that came. */
  notice(): string | undefined {
    const all = this.#messages.flatMap((one) => (one.type === 'transaction' ? (one.operations ?? []) : []))
    const notice: unknown = Object(Object(all.at(-1)?.envelope)._flash).notice
    return typeof notice === 'string' ? notice : undefined
  }
}
