import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** An HTTP server on 127.0.0.1 that can be ended at once. */
export class TestHttp {
  readonly server: Server
  readonly #sockets = new Set<Socket>()

  constructor(handler: (request: Request) => Response | Promise<Response>) {
    this.server = createServer((incoming, outgoing) => {
      answer(incoming, outgoing, handler).catch((error: unknown) => {
        console.error(`The test server's handler failed at ${incoming.method} ${incoming.url}:`, error)
        if (outgoing.headersSent) outgoing.destroy()
        else outgoing.writeHead(500, { 'content-type': 'text/plain' }).end('The handler failed.')
      })
    })
    this.server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  /** @param port 0: a free one. Resolves with the one it has. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      // What a listening HTTP server says of itself.
      this.server.listen(port, '127.0.0.1', () => resolve((this.server.address() as AddressInfo).port))
    })
  }

  /** Resets every connection, as the end of a process does. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Takes no new connections from now on; resolves when those that were upgraded have ended too. */
  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    this.server.closeAllConnections()
    return closed
  }
}

/** Between Node's HTTP and the web's. */
async function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: (request: Request) => Response | Promise<Response>,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  const headers = new Headers()
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value))
  const { method = 'GET', url = '/' } = incoming
  const body = chunks.length === 0 ? {} : { body: Buffer.concat(chunks) }
  const reply = await handler(
    new Request(`http://${incoming.headers.host}${url}`, { method, headers, ...body }),
  )
  outgoing.writeHead(reply.status, Object.fromEntries(reply.headers))
  outgoing.end(Buffer.from(await reply.arrayBuffer()))
}
