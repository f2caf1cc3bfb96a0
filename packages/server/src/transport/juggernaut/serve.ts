import { createServer, type Server, type Socket } from 'node:net'
import { LockstepError, parseChannelPattern } from '@lockstep/protocol'
import { JuggernautClient } from './client.ts'
import type { JuggernautOptions, JuggernautParts } from './juggernaut.ts'
import { errorBytes } from './message.ts'

/** Juggernaut's port, open. */
export interface JuggernautServer {
  readonly port: number
  /** Takes nobody more. Those who are there are the hub's to end. */
  close(): Promise<void>
}

/**
 * Opens the port and serves who comes.
 * @throws LockstepError `bad_channel` for a template that is none, Error where the port cannot be had
 */
export async function serveJuggernaut(
  options: JuggernautOptions,
  parts: JuggernautParts,
): Promise<JuggernautServer> {
  const template = options.channel === undefined ? undefined : parseChannelPattern(options.channel)
  if (template !== undefined && template.segments.filter(({ kind }) => kind === 'parameter').length !== 1) {
    throw new LockstepError('bad_channel', 'juggernaut.channel has one parameter, such as "project/:id".')
  }
  const sockets = new Set<Socket>()
  let port = options.port
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    try {
      new JuggernautClient(socket, { ...parts, ...options, template, port })
    } catch (error) {
      socket.on('error', () => {})
      const told = error instanceof LockstepError ? error : new LockstepError('internal')
      socket.end(errorBytes(told, undefined), () => socket.destroy())
    }
  })
  await listen(server, options)
  const address = server.address()
  if (typeof address === 'object' && address !== null) port = address.port
  server.on('error', (error) => parts.logger.error(`the Juggernaut port: ${error.message}`))
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        // Those that the hub does not know: still without a word, or refused.
        parts.runtime.timer(closeMs, () => {
          for (const socket of sockets) socket.destroy()
        })
      }),
  }
}

/** How long peers may take to close, in ms. */
const closeMs = 5_000

function listen(server: Server, { port, host }: JuggernautOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
