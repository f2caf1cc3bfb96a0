import { connect, type Socket } from 'node:net'
import { eventually } from '@lockstep/testing'
import { expect } from 'vitest'

export interface Body {
  readonly operation: string
  readonly envelope: unknown
  readonly session_id: string | null
}

export interface Message {
  readonly id?: string
  readonly body?: Body
  readonly error?: { readonly code: string; readonly retryable: boolean; readonly retryMs?: number }
}

const notices = new Set(['current_locks', 'locks', 'connected_users', 'presence', 'disconnected'])

/** A program at the other end of a TCP connection, which speaks in bytes. */
export class Program {
  readonly socket: Socket
  /** Frames as they came, without their NUL. */
  readonly frames: string[] = []
  closed = false
  #rest = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      const frames = (this.#rest + text).split('\0')
      this.#rest = frames.pop() ?? ''
      this.frames.push(...frames)
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
    })
  }

  static async open(port: number): Promise<Program> {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    const program = new Program(socket)
    await new Promise((resolve) => socket.once('connect', resolve))
    return program
  }

  write(bytes: string | Uint8Array): void {
    this.socket.write(bytes)
  }

  say(...messages: object[]): void {
    this.write(messages.map((message) => `${JSON.stringify(message)}\0`).join(''))
  }

  get messages(): Message[] {
    return this.frames.map((frame) => JSON.parse(frame))
  }

  /** What it was told but for locks, and who is there. */
  get told(): Message[] {
    return this.messages.filter(({ body }) => !notices.has(body?.operation ?? ''))
  }

  /** Envelopes of the operations that it has had. */
  get envelopes(): unknown[] {
    return this.told.flatMap(({ body }) => (body === undefined ? [] : [body.envelope]))
  }

  async hears(...envelopes: unknown[]): Promise<void> {
    await eventually(() => expect(this.envelopes).toEqual(envelopes), { timeoutMs: 20_000 })
  }

  /** Waits for the end, which the server makes, and gives the code of the error before it. */
  async refused(): Promise<string | undefined> {
    await eventually(() => expect(this.closed).toBe(true), { timeoutMs: 20_000 })
    return this.messages.at(-1)?.error?.code
  }

  leave(): void {
    this.socket.destroy()
  }
}
