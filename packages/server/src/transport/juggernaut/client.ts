import type { Socket } from 'node:net'
import { type ErrorCode, errorTable, LockstepError, type ServerMessage } from '@lockstep/protocol'
import type { Batch } from '../../hub/batch.ts'
import type { Carrier } from '../../hub/carrier.ts'
import type { Connection } from '../../hub/connection.ts'
import { anyView } from '../../hub/subscription.ts'
import { payloadOf } from '../../log/frame.ts'
import type { Timer } from '../../runtime/runtime.ts'
import { noticeOperations } from '../notice-operations.ts'
import { Frames } from './frames.ts'
import { type HandshakeParts, readHandshake } from './handshake.ts'
import type { Handshake, JuggernautParts, MessageId } from './juggernaut.ts'
import { errorBytes, isSnapshot, messageBytes, operationsIn, policyBytes, policyRequest } from './message.ts'
import { idAt, startOf } from './message-id.ts'

export interface ClientParts extends JuggernautParts, HandshakeParts {
  /** The port that a policy file names. */
  readonly port: number
}

/** How long a peer may take to close after us, in ms. */
const closeMs = 5_000

/** One program on a TCP socket: to the hub a carrier, which tells operations and no rows. */
export class JuggernautClient implements Carrier {
  readonly #parts: ClientParts
  readonly #socket: Socket
  readonly #connection: Connection
  readonly #frames: Frames
  readonly #helloTimer: Timer
  #handshake: Handshake | undefined
  /** From where on it is told. */
  #from: MessageId | undefined
  /** The locks that were told last, as text. */
  #locks = ''
  /** The commit that the client has a part of: how many of its messages are still to be told. */
  #partly: MessageId | undefined
  /** Has said `noop`, so it is held to it. */
  #saysNoop = false
  #ended = false
  #retryMs: number | undefined
  #passed = -1
  #allowance: { left: number; at: number }

  /** @throws LockstepError `unavailable`, `restarting` */
  constructor(socket: Socket, parts: ClientParts) {
    this.#parts = parts
    this.#socket = socket
    this.#frames = new Frames(parts.limits.messageBytesMax)
    this.#connection = parts.hub.connect(this)
    this.#allowance = { left: parts.limits.requestsBurst, at: parts.runtime.now() }
    this.#helloTimer = parts.runtime.timer(parts.limits.helloMs, () =>
      this.#fail(new LockstepError('timeout')),
    )
    // A peer that is gone without a word is found by the kernel, where the protocol has no answer to a ping.
    socket.setKeepAlive(true, parts.limits.heartbeatMs)
    socket.on('data', (chunk: Buffer) => this.#take(chunk))
    socket.on('drain', () => this.#connection.drained())
    socket.on('error', () => {}) // `close` follows
    socket.on('end', () => socket.end())
    socket.on('close', () => this.#gone())
  }

  // ---- from the program -----------------------------------------------------------------------------

  #take(chunk: Buffer): void {
    if (this.#ended) return
    this.#connection.heard()
    try {
      for (const text of this.#frames.take(chunk)) {
        if (this.#ended) return
        if (!this.#isAllowed()) throw new LockstepError('too_fast')
        this.#read(text)
      }
    } catch (error) {
      if (!(error instanceof LockstepError)) {
        const place = error instanceof Error ? error.stack : 'unknown'
        this.#parts.logger.error(`a Juggernaut client's message failed: ${place}`)
      }
      this.#fail(
        error instanceof LockstepError ? error : new LockstepError('internal', undefined, { cause: error }),
      )
    }
  }

  #read(text: string): void {
    if (text.trim() === '') return // some end a message with more than one NUL, or a line end
    if (text.trim() === policyRequest) {
      this.#end(policyBytes(this.#parts.port))
      return
    }
    const fields = fieldsOf(text)
    switch (fields.get('command')) {
      case 'noop':
        this.#saysNoop = true
        return
      case 'subscribe':
        this.#subscribe(fields)
        return
      case 'broadcast':
      case 'query':
        throw new LockstepError('forbidden', 'Clients are forbidden to send broadcasts and queries.')
      default:
        throw new LockstepError('unknown_type', 'A command is "subscribe" or "noop".')
    }
  }

  #subscribe(fields: ReadonlyMap<string, unknown>): void {
    if (this.#handshake !== undefined) throw new LockstepError('bad_request', 'Subscribed already.')
    const { hub, position, logger } = this.#parts
    const handshake = readHandshake(fields, this.#parts)
    this.#handshake = handshake
    this.#helloTimer.cancel()
    const { claims, channel, after } = handshake
    if (after !== undefined && after.remaining > 0) this.#partly = after
    const from = after ?? idAt(position())
    this.#from = from
    hub.welcome(this.#connection, claims)
    hub.subscribe(this.#connection, 1, channel, startOf(from), anyView).catch((error: unknown) => {
      logger.error(`a subscribe failed: ${error instanceof Error ? error.stack : 'unknown'}`)
      this.#fail(new LockstepError('internal'))
    })
  }

  /** A bucket that refills steadily, as for the other carriers. */
  #isAllowed(): boolean {
    const { limits, runtime } = this.#parts
    const now = runtime.now()
    const refill = Math.max(0, ((now - this.#allowance.at) / 1000) * limits.requestsPerSecond)
    this.#allowance = { left: Math.min(limits.requestsBurst, this.#allowance.left + refill) - 1, at: now }
    return this.#allowance.left >= 0
  }

  // ---- to the program -------------------------------------------------------------------------------

  send(batch: Batch): boolean {
    const chunks: Buffer[] = []
    for (const frame of batch.frames) {
      const told = operationsIn(frame)
      if (told !== undefined) {
        for (const { id, bytes } of told) if (!this.#isHad(id)) chunks.push(bytes)
      } else if (!isSnapshot(frame)) {
        this.#control(JSON.parse(payloadOf(frame)) as ServerMessage, chunks) // the hub made it
      }
    }
    if (chunks.length > 0) this.#write(Buffer.concat(chunks))
    return this.#socket.writableLength < this.#parts.limits.outboxBytesMax
  }

  /** Of the commit that the last connection broke in: what was had of it then. */
  #isHad({ position, remaining }: MessageId): boolean {
    return this.#partly?.position === position && remaining >= this.#partly.remaining
  }

  #control(message: ServerMessage, chunks: Buffer[]): void {
    switch (message.type) {
      case 'subscribed': {
        // Before anything that was missed, so not where the hub would say it.
        const subscription = this.#connection.subscriptions.get(message.channel)
        const id = this.#from ?? idAt(this.#parts.position())
        this.#tellLocks(this.#parts.hub.beside.locking.current(message.channel), id, chunks)
        for (const operation of subscription?.greeting ?? [])
          chunks.push(messageBytes(id, operation, undefined))
        if (subscription !== undefined) subscription.greeting = undefined
        break
      }
      case 'reset': {
        const operation = { operation: 'reset', envelope: { reason: message.reason } }
        this.#partly = undefined
        chunks.push(messageBytes(idAt(this.#parts.position()), operation, undefined))
        break
      }
      case 'current_locks':
        this.#tellLocks(message, idAt(this.#parts.position()), chunks)
        break
      case 'locks':
      case 'connected_users':
      case 'presence':
        if (message.type === 'locks') this.#locks = ''
        this.#tellNotice(message, idAt(this.#parts.position()), chunks)
        break
      case 'goodbye':
        this.#retryMs = message.retryMs
        break
      case 'revoked':
        this.#fail(new LockstepError('no_channel'), chunks.splice(0))
        break
      case 'error':
        this.#fail(new LockstepError(codeOf(message.error.code)), chunks.splice(0))
        break
      default:
        break // Nothing that concerns a client without rows.
    }
  }

  /** All locks, unless that is what was told last. */
  #tellLocks(message: ServerMessage, id: MessageId, chunks: Buffer[]): void {
    if (message.type !== 'current_locks') return
    const text = JSON.stringify(message.locks)
    if (text === this.#locks) return
    this.#locks = text
    this.#tellNotice(message, id, chunks)
  }

  #tellNotice(message: ServerMessage, id: MessageId, chunks: Buffer[]): void {
    for (const operation of noticeOperations(message) ?? [])
      chunks.push(messageBytes(id, operation, undefined))
  }

  get waiting(): boolean {
    return this.#socket.writableLength > 0
  }

  ping(): void {
    // Nothing waits, so the kernel has it, and finds out whether the peer still takes it.
    if (!this.#saysNoop && !this.waiting) this.#connection.heard()
  }

  moved(): boolean {
    const passed = this.#passed
    const { writableLength: waiting, bytesWritten } = this.#socket
    this.#passed = waiting > 0 ? bytesWritten - waiting : -1
    return passed >= 0 && bytesWritten - waiting > passed
  }

  close(_code: number, reason: string): void {
    this.#end(errorBytes(new LockstepError(codeOf(reason)), this.#retryMs))
  }

  terminate(): void {
    this.#ended = true
    this.#socket.destroy()
  }

  #fail(error: LockstepError, before: readonly Buffer[] = []): void {
    this.#end(Buffer.concat([...before, errorBytes(error, this.#retryMs)]))
  }

  #write(bytes: Buffer): void {
    if (!this.#ended) this.#socket.write(bytes)
  }

  /** Says the last word and closes; what follows of the peer is not read. */
  #end(bytes: Buffer): void {
    if (this.#ended) return
    this.#ended = true
    this.#helloTimer.cancel()
    this.#socket.end(bytes)
    // A peer that does not close is not waited for.
    this.#parts.runtime.timer(closeMs, () => this.#socket.destroy())
  }

  #gone(): void {
    this.#ended = true
    this.#helloTimer.cancel()
    this.#parts.hub.disconnect(this.#connection)
  }
}

function fieldsOf(text: string): ReadonlyMap<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new LockstepError('bad_request', 'A message is JSON followed by a NUL byte.', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LockstepError('bad_request', 'A message is a JSON object.')
  }
  return new Map<string, unknown>(Object.entries(value))
}

function codeOf(text: string): ErrorCode {
  return Object.hasOwn(errorTable, text) ? (text as ErrorCode) : 'internal' // a name in the table
}
