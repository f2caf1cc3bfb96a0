import { connect, createServer, type Socket } from 'node:net'
import { Pipe, type PipeSettings } from './pipe.ts'

/** `up`: from clients to the target. */
export type Direction = 'up' | 'down' | 'both'

export interface CutProxyOptions {
  readonly targetPort: number
  /** Default 127.0.0.1. */
  readonly targetHost?: string
}

/** A TCP proxy on 127.0.0.1 that fails on command, to test what a client and a server do about it. */
export interface CutProxy {
  readonly port: number
  /** Connections open now. */
  readonly connections: number
  /** Bytes that went from the target to clients, over all connections so far. */
  readonly bytesDown: number
  /** Resets (RST) every open connection, on both sides. New ones are accepted as before. */
  cut(): void
  /**
   * Half-open: connections stay, new ones are accepted, but no byte passes in either direction, or in one only.
   * It takes the place of an earlier one.
   */
  pause(direction?: Direction): void
  resume(): void
  /** Lets exactly `bytes` more pass from the target to clients, over all connections, then cuts once. */
  cutAfterBytes(bytes: number): void
  /**
   * Bounds what passes in each direction of each connection, in bytes per second; `undefined` lifts it.
   * The kernel's socket buffers lie on both sides of the proxy, some megabytes in all.
   */
  throttle(bytesPerSecond: number | undefined): void
  /** How much later than they came bytes go on, each way; 0 lifts it. */
  delay(ms: number): void
  /** Ends one direction of every open connection (FIN); the other goes on. New ones are not concerned. */
  halfClose(direction: 'up' | 'down'): void
  /** While true, new connections are reset at once. Open ones stay. */
  refuse(refused: boolean): void
  /** Calls `listener` for every connection that is accepted from now on. */
  onConnection(listener: () => void): void
  /** Resets all connections and stops listening. */
  close(): Promise<void>
}

export async function cutProxy(options: CutProxyOptions): Promise<CutProxy> {
  const { targetPort, targetHost = '127.0.0.1' } = options
  const links = new Set<Link>()
  const listeners: (() => void)[] = []
  let refused = false
  let paused: Direction | undefined
  let bytesPerSecond: number | undefined
  let delayMs = 0
  let bytesDown = 0
  let bytesUntilCut = Number.POSITIVE_INFINITY

  const cut = (): void => {
    bytesUntilCut = Number.POSITIVE_INFINITY
    for (const link of links) link.destroy()
  }

  const settings = (direction: Direction): PipeSettings => ({
    paused: paused === 'both' || paused === direction,
    bytesPerSecond,
    delayMs,
  })
  const set = (link: Link): void => link.set(settings('up'), settings('down'))

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    client.on('error', () => {}) // a reset is what this proxy is for
    if (refused) {
      client.resetAndDestroy()
      return
    }
    for (const listener of listeners) listener()
    const target = connect({ port: targetPort, host: targetHost, noDelay: true, allowHalfOpen: true })
    const up = new Pipe(client, target)
    const down = new Pipe(target, client, {
      allowance: () => bytesUntilCut,
      passed(bytes) {
        bytesDown += bytes
        bytesUntilCut -= bytes
        if (bytesUntilCut <= 0) cut()
      },
    })
    const link = new Link(client, target, up, down)
    set(link)
    links.add(link)
    link.onGone(() => links.delete(link))
  })

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The proxy has no port.')

  const setAll = (): void => {
    for (const link of links) set(link)
  }

  return {
    port: address.port,
    get connections() {
      return links.size
    },
    get bytesDown() {
      return bytesDown
    },
    cut,
    pause(direction = 'both') {
      paused = direction
      setAll()
    },
    resume() {
      paused = undefined
      setAll()
    },
    cutAfterBytes(bytes) {
      bytesUntilCut = bytes
      if (bytes <= 0) cut()
    },
    throttle(rate) {
      bytesPerSecond = rate
      setAll()
    },
    delay(ms) {
      delayMs = ms
      setAll()
    },
    halfClose(direction) {
      for (const link of links) link.halfClose(direction)
    },
    refuse(value) {
      refused = value
    },
    onConnection(listener) {
      listeners.push(listener)
    },
    close() {
      cut()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/** One proxied connection: two sockets, a pipe each way. */
class Link {
  readonly #client: Socket
  readonly #target: Socket
  readonly #up: Pipe
  readonly #down: Pipe

  constructor(client: Socket, target: Socket, up: Pipe, down: Pipe) {
    this.#client = client
    this.#target = target
    this.#up = up
    this.#down = down
    for (const socket of [client, target]) {
      socket.on('error', () => this.destroy())
      socket.on('close', () => {
        if (client.destroyed && target.destroyed) return
        // One side closed cleanly after both ends: nothing is left to carry.
        if (up.ended && down.ended) this.destroy()
      })
    }
  }

  onGone(listener: () => void): void {
    let open = 2
    const closed = (): void => {
      open--
      if (open === 0) listener()
    }
    this.#client.on('close', closed)
    this.#target.on('close', closed)
  }

  set(up: PipeSettings, down: PipeSettings): void {
    this.#up.set(up)
    this.#down.set(down)
  }

  halfClose(direction: 'up' | 'down'): void {
    if (direction === 'up') this.#up.finish()
    else this.#down.finish()
  }

  destroy(): void {
    this.#up.stop()
    this.#down.stop()
    if (!this.#client.destroyed) this.#client.resetAndDestroy()
    if (!this.#target.destroyed) this.#target.resetAndDestroy()
  }
}
