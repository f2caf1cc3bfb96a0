import { createServer, request as httpRequest, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** An HTTP proxy as they stand in offices: refuses upgrades, and waits for the end of what it passes on. */
export class MeddlingProxy {
  refusesUpgrades = false
  keepsStreams = false
  readonly asked: string[] = []
  readonly #http: Server
  readonly #sockets = new Set<Socket>()

  static async start(target: number): Promise<MeddlingProxy> {
    const made = new MeddlingProxy(target)
    await new Promise<void>((resolve) => made.#http.listen(0, '127.0.0.1', resolve))
    return made
  }

  private constructor(target: number) {
    const forward = (path: string | undefined, method: string | undefined, headers: object) =>
      httpRequest({ port: target, host: '127.0.0.1', path, method, headers: { ...headers }, agent: false })
    this.#http = createServer((incoming, outgoing) => {
      this.asked.push(incoming.url ?? '')
      const onward = forward(incoming.url, incoming.method, incoming.headers)
      onward.on('response', (reply) => {
        const kept: Buffer[] = []
        const keeps = this.keepsStreams
        if (!keeps) {
          outgoing.writeHead(reply.statusCode ?? 502, reply.headers)
          outgoing.flushHeaders()
        }
        reply.on('data', (chunk: Buffer) => (keeps ? kept.push(chunk) : outgoing.write(chunk)))
        reply.on('end', () => {
          if (keeps) outgoing.writeHead(reply.statusCode ?? 502, reply.headers)
          outgoing.end(Buffer.concat(kept))
        })
        reply.on('error', () => outgoing.destroy())
      })
      onward.on('error', () => outgoing.destroy())
      outgoing.on('close', () => onward.destroy())
      incoming.pipe(onward)
    })
    this.#http.on('upgrade', (incoming, socket: Socket) => {
      socket.on('error', () => {})
      if (this.refusesUpgrades) {
        socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
        return
      }
      const onward = forward(incoming.url, 'GET', incoming.headers)
      onward.on('error', () => socket.destroy())
      onward.on('upgrade', (reply, other: Socket, head: Buffer) => {
        const lines = Object.entries(reply.headers).map(([name, value]) => `${name}: ${String(value)}`)
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
        socket.write(head)
        other.on('error', () => socket.destroy())
        other.on('close', () => socket.destroy())
        socket.on('close', () => other.destroy())
        socket.pipe(other).pipe(socket)
      })
      onward.end()
    })
    this.#http.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port // it listens on a port
  }

  /** Cuts every connection that there is now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.cut()
    this.#http.close()
  }
}
