import type { StreamConnection, StreamStart } from '@lockstep/server/stages'
import type { Clock } from './clock.ts'
import { Link } from './link.ts'
import type { NodeProcess } from './node-process.ts'
import type { Walsender } from './walsender.ts'

/** What a connection asks of Postgres. */
export interface StreamServer {
  readonly clock: Clock
  /** @throws DatabaseError */
  startStream(start: StreamStart, send: (bytes: Buffer) => void, onEnd: () => void): Walsender
  /** When Postgres knows of a connection that has ended on the other side. */
  hangUpMs(): number
}

/** A replication connection of a server process to the model. */
export class ModelStreamConnection implements StreamConnection {
  onCopyData: StreamConnection['onCopyData'] = () => {}
  readonly #server: StreamServer
  readonly #process: NodeProcess
  readonly #down: Link
  readonly #up: Link
  #walsender: Walsender | undefined
  #held: Buffer[] | undefined
  #ended: (error: Error) => void = () => {}
  #forget: () => void = () => {}
  #over = false

  constructor(server: StreamServer, process: NodeProcess) {
    this.#server = server
    this.#process = process
    this.#down = new Link(server.clock, process, (bytes) => this.#receive(bytes))
    this.#up = new Link(server.clock, process, (bytes) => this.#walsender?.take(bytes))
  }

  async start(start: StreamStart, ended: (error: Error) => void): Promise<void> {
    this.#ended = ended
    await this.#process.pass()
    this.#forget = this.#process.onCut(() => this.#lose())
    this.#walsender = this.#server.startStream(
      start,
      (bytes) => this.#down.send(bytes),
      () => this.#end('the database ended the replication stream'),
    )
    await this.#process.pass()
  }

  sendCopyData(content: Buffer): void {
    this.#up.send(Buffer.from(content))
  }

  pause(): void {
    this.#held ??= []
  }

  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    while (held.length > 0) {
      const bytes = held.shift()
      if (bytes !== undefined) this.#receive(bytes)
      if (this.#held !== undefined) {
        this.#held = [...this.#held, ...held]
        return
      }
    }
  }

  async close(): Promise<void> {
    if (this.#over) return
    this.#over = true
    this.#forget()
    this.#down.cut()
    // What was sent before arrives before.
    this.#up.whenThrough(() => this.#hangUp())
  }

  #receive(bytes: Buffer): void {
    if (!this.#process.alive) return
    if (this.#held !== undefined) this.#held.push(bytes)
    else {
      this.onCopyData(bytes, 0, bytes.length)
      // Whoever keeps a view of it shall be found out.
      bytes.fill(0)
    }
  }

  /** The connection is cut: each side learns of it in its own time. */
  #lose(): void {
    this.#end('the connection was cut')
    this.#hangUp()
  }

  #hangUp(): void {
    const walsender = this.#walsender
    if (walsender !== undefined) this.#server.clock.after(this.#server.hangUpMs(), () => walsender.end())
  }

  #end(why: string): void {
    if (this.#over) return
    this.#over = true
    this.#forget()
    this.#down.cut()
    this.#up.cut()
    if (this.#process.alive) this.#server.clock.after(0, () => this.#ended(new Error(why)))
  }
}
