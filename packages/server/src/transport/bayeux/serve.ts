import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { Answers } from './answers.ts'
import { Bayeux, type BayeuxOptions, type BayeuxParts, defaultMount } from './bayeux.ts'
import { BayeuxHttp } from './http.ts'
import { BayeuxSockets } from './socket.ts'

/** Bayeux with all its carriers, to be put onto an HTTP server. */
export interface BayeuxServer {
  /** Without a slash at its end. */
  readonly mount: string
  /** Answers a request under `mount`. Never rejects. */
  request(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void>
  /** An upgrade under `mount` whose head and origin have been checked. */
  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void
  close(): void
}

/** @throws TypeError for a mount or an opened pattern that is none */
export function serveBayeux(options: BayeuxOptions, parts: BayeuxParts): BayeuxServer {
  const mount = (options.mount ?? defaultMount).replace(/\/+$/, '')
  if (!/^(?:\/[\w.~-]+)+$/.test(mount)) throw new TypeError('bayeux.mount is a path such as "/bayeux".')
  const bayeux = new Bayeux(options, parts)
  const answers = new Answers(bayeux)
  const http = new BayeuxHttp(bayeux, answers, mount)
  const sockets = new BayeuxSockets(bayeux, answers)
  return {
    mount,
    request: (incoming, outgoing) => http.request(incoming, outgoing),
    upgrade: (incoming, socket, head) => sockets.upgrade(incoming, socket, head),
    close() {
      bayeux.close()
      sockets.close()
    },
  }
}
