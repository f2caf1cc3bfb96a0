import {
  LockstepError,
  parseClientMessage,
  parsePosition,
  protocolVersion,
  RequestError,
} from '@lockstep/protocol'
import type { Limits } from '../limits.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { SessionClaims } from '../session/session.ts'
import type { Connection } from './connection.ts'
import type { Hub } from './hub.ts'

export interface RequestsParts {
  readonly hub: Hub
  readonly runtime: Runtime
  readonly logger: Logger
  readonly limits: Limits
  /** @throws LockstepError `unauthorized` or `session_expired` */
  verifyToken(token: string): SessionClaims
}

/** Reads what clients send and does it. One bad request answers with an error; the connection stays. */
export class Requests {
  readonly #parts: RequestsParts

  constructor(parts: RequestsParts) {
    this.#parts = parts
  }

  /** One message of any carrier. Never throws. */
  take(connection: Connection, text: string): void {
    connection.heard()
    if (connection.closed) return
    try {
      const bytes = Buffer.byteLength(text)
      const { messageBytesMax } = this.#parts.limits
      if (!this.#allowed(connection, Math.max(1, Math.ceil(bytes / messageBytesMax))))
        connection.fail(new LockstepError('too_fast'))
      else this.#do(connection, text, bytes > messageBytesMax)
    } catch (error) {
      if (error instanceof RequestError) connection.sendError(error, { id: error.id })
      else if (error instanceof LockstepError && connection.session === undefined) {
        connection.sendError(error)
        connection.fail(error)
      } else if (error instanceof LockstepError) connection.sendError(error)
      else {
        this.#parts.logger.error(`a request failed: ${error instanceof Error ? error.stack : 'unknown'}`)
        connection.fail(new LockstepError('internal'))
      }
    }
  }

  #do(connection: Connection, text: string, isTooLarge: boolean): void {
    const { hub, limits } = this.#parts
    const message = parseClientMessage(text)
    if (isTooLarge) {
      const error = new LockstepError('too_large', `A message has at most ${limits.messageBytesMax} bytes.`)
      throw 'id' in message ? new RequestError(error, message.id) : error
    }
    if (message.type === 'hello') {
      if (message.version !== protocolVersion) {
        throw new LockstepError('bad_request', `This server speaks protocol version ${protocolVersion}.`)
      }
      if (connection.session !== undefined) throw new LockstepError('bad_request', 'Hello was said already.')
      hub.welcome(connection, this.#parts.verifyToken(message.token))
      return
    }
    if (connection.session === undefined) throw new LockstepError('unauthorized', 'Say hello first.')
    switch (message.type) {
      case 'subscribe': {
        const from = message.position === undefined ? undefined : parsePosition(message.position)
        this.#started(connection, hub.subscribe(connection, message.id, message.channel, from, message.view))
        break
      }
      case 'unsubscribe':
        hub.unsubscribe(connection, message.channel)
        break
      case 'barrier':
        this.#started(connection, hub.barrier(connection, message.id))
        break
      case 'look':
        hub.beside.notices.look(connection, message.id, message.channel)
        break
      case 'presence':
        this.#started(connection, hub.beside.attendance.update(connection, message))
        break
      case 'broadcast':
        hub.beside.broadcasts.take(connection, message)
        break
      case 'lock':
        this.#started(connection, hub.beside.locking.lock(connection, message))
        break
      case 'unlock':
        this.#started(connection, hub.beside.locking.unlock(connection, message))
        break
      case 'answer':
        this.#started(connection, hub.beside.locking.answer(connection, message))
        break
    }
  }

  /** A request that answers later: an error of ours there must not become an unhandled rejection. */
  #started(connection: Connection, work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#parts.logger.error(`a request failed: ${error instanceof Error ? error.stack : 'unknown'}`)
      connection.fail(new LockstepError('internal'))
    })
  }

  /** A bucket of requests that refills steadily: bursts at reconnect are fine, a flood is not. Large ones count for several. */
  #allowed(connection: Connection, cost: number): boolean {
    const { limits, runtime } = this.#parts
    const now = runtime.now()
    const refill = Math.max(0, ((now - connection.allowanceAt) / 1000) * limits.requestsPerSecond)
    connection.allowance = Math.min(limits.requestsBurst, connection.allowance + refill) - cost
    connection.allowanceAt = now
    return connection.allowance >= 0
  }
}
