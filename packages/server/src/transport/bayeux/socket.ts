import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { LockstepError } from '@lockstep/protocol'
import { type RawData, type WebSocket, WebSocketServer } from 'ws'
import { type Answers, join, type Way } from './answers.ts'
import type { Bayeux } from './bayeux.ts'
import type { Outlet } from './client.ts'
import { messagesOf } from './message.ts'

/** Requests of a WebSocket that wait for those before them; more, and it is closed. */
const waitingMax = 1_000
/** Bytes that wait in a socket before it wants no more. */
const outboxBytesMax = 262_144

/** Bayeux over WebSockets: every text is an array of messages, whichever way it goes. */
export class BayeuxSockets {
  readonly #bayeux: Bayeux
  readonly #answers: Answers
  readonly #server: WebSocketServer
  readonly #open = new Set<WebSocket>()

  constructor(bayeux: Bayeux, answers: Answers) {
    this.#bayeux = bayeux
    this.#answers = answers
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: bayeux.limits.bodyBytesMax,
    })
  }

  /** Completes an upgrade whose path, head and origin have been checked. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(incoming, socket, head, (webSocket) => {
      this.#open.add(webSocket)
      // An HTTP server's upgrade gives a socket; the type says Duplex for servers that make their own.
      this.#serve(webSocket, socket as Socket, incoming)
    })
  }

  close(): void {
    for (const webSocket of this.#open) webSocket.close(1001)
    this.#server.close()
  }

  #serve(webSocket: WebSocket, socket: Socket, incoming: IncomingMessage): void {
    const clients = new Set<string>()
    const write = (texts: readonly string[]): boolean => {
      if (webSocket.readyState !== webSocket.OPEN) return true
      webSocket.send(join(texts))
      return webSocket.bufferedAmount < outboxBytesMax
    }
    const outlet: Outlet = {
      send: this.#bayeux.extensions.streamed(write),
      // A socket carries one client; another one on it takes its place, or it has gone elsewhere.
      close() {},
      get waiting() {
        return webSocket.bufferedAmount > 0
      },
      destroy() {
        webSocket.terminate()
      },
    }
    // Whoever opens a socket has something to say.
    const idle = this.#bayeux.parts.runtime.timer(this.#bayeux.limits.bodyMs, () => {
      if (clients.size === 0) webSocket.close(4408, 'timeout')
    })
    const way: Way = { incoming, identifies: true, outlet, alone: true, clients }
    let turn: Promise<unknown> = Promise.resolve()
    let waiting = 0
    webSocket.on('error', () => {})
    webSocket.on('close', () => {
      this.#open.delete(webSocket)
      idle.cancel()
      for (const id of clients) this.#bayeux.find(id)?.detach(outlet, this.#bayeux.parts.runtime.now())
    })
    socket.on('drain', () => {
      for (const id of clients) this.#bayeux.find(id)?.roomAgain(outlet)
    })
    webSocket.on('message', (data: RawData, isBinary: boolean) => {
      if (isBinary) return webSocket.close(1003, 'text only')
      if (++waiting > waitingMax) return webSocket.close(4429, 'too_fast')
      const text = data.toString()
      turn = turn
        .then(() => this.#take(text, way, write))
        .catch((error: unknown) => {
          const refusal = error instanceof LockstepError ? error : new LockstepError('internal')
          webSocket.close(refusal.close, refusal.code)
        })
        .finally(() => {
          waiting--
        })
    })
  }

  async #take(text: string, way: Way, write: (texts: readonly string[]) => boolean): Promise<void> {
    // Faye's way of asking whether the socket lives.
    if (text === '[]') {
      write([])
      return
    }
    const messages = messagesOf(text)
    if (messages === undefined) throw new LockstepError('bad_request')
    if (messages.length > this.#bayeux.limits.batchMax) throw new LockstepError('too_large')
    const answers = await this.#answers.take(messages, way)
    for (const answer of answers) {
      answer.then(
        (texts) => {
          if (texts.length > 0) write(texts)
        },
        () => {},
      )
    }
  }
}
