import type { ServerMessage } from '@lockstep/protocol'
import { eventually } from '@lockstep/testing'
import { WebSocket } from 'ws'

/** A client that only writes and reads JSON: what docs/protocol.md says can be seen as it is. */
export class RawClient {
  readonly messages: ServerMessage[] = []
  closeCode: number | undefined
  readonly #socket: WebSocket
  #read = 0

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#socket = new WebSocket(url.replace(/^http/, 'ws'), { headers })
    this.#socket.on('message', (data) => this.messages.push(JSON.parse(data.toString())))
    this.#socket.on('close', (code) => {
      this.closeCode = code
    })
    this.#socket.on('error', () => {}) // a refused upgrade: `closeCode` tells
  }

  send(...messages: object[]): void {
    const write = (): void => {
      for (const message of messages) this.#socket.send(JSON.stringify(message))
    }
    if (this.#socket.readyState === WebSocket.OPEN) write()
    else this.#socket.once('open', write)
  }

  /** The next message of a type that was not read yet; those before it are passed over. */
  async next<T extends ServerMessage['type']>(type: T): Promise<Extract<ServerMessage, { type: T }>> {
    return eventually(() => {
      const index = this.messages.findIndex((message, i) => i >= this.#read && message.type === type)
      const message = this.messages[index]
      if (message === undefined) {
        const got = this.messages.slice(this.#read).map((m) => m.type)
        throw new Error(
          `no ${type} among [${got.join(', ')}]${this.closeCode ? `, closed with ${this.closeCode}` : ''}`,
        )
      }
      this.#read = index + 1
      // The type was compared just above.
      return message as Extract<ServerMessage, { type: T }>
    })
  }

  /** Types of all messages about a channel, in order of arrival. */
  typesOf(channel: string): string[] {
    return this.messages.filter((m) => 'channel' in m && m.channel === channel).map((m) => m.type)
  }

  closed(): Promise<number> {
    return eventually(() => {
      if (this.closeCode === undefined) throw new Error('still open')
      return this.closeCode
    })
  }

  end(): void {
    this.#socket.terminate()
  }
}
