import type { IncomingMessage } from 'node:http'

/**
 * The address that a request came from. Behind a proxy that is the last entry of `X-Forwarded-For`: the only
 * one that the proxy itself has written.
 */
export function addressOf(incoming: IncomingMessage, trustProxy: boolean): string {
  const header = trustProxy ? incoming.headers['x-forwarded-for'] : undefined
  const list = typeof header === 'string' ? header : header?.join()
  return list?.split(',').at(-1)?.trim() || (incoming.socket.remoteAddress ?? '')
}
