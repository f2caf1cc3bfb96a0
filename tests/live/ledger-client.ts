import { type Client, createClient, type WebSocketClass, webSocketTransport } from '@lockstep/client'
import type { LedgerRows } from '@lockstep/testing'
import { WebSocket } from 'ws'

export type LedgerClient = Client<{ readonly $rows?: LedgerRows }>

/** A real client of the ledger in Node. `port` may be a proxy's. */
export function ledgerClient(
  user: string,
  port: number,
  { sessionPort = port, onError }: { sessionPort?: number; onError?: (error: unknown) => void } = {},
): LedgerClient {
  return createClient<{ readonly $rows?: LedgerRows }>(
    { url: `http://127.0.0.1:${port}/lockstep` },
    {
      // Structurally a browser's WebSocket; only its event types differ in name.
      transport: webSocketTransport(WebSocket as unknown as WebSocketClass),
      ...(onError === undefined ? {} : { onError }),
      renew: async () => {
        const response = await fetch(`http://127.0.0.1:${sessionPort}/lockstep/session`, {
          method: 'POST',
          headers: { 'x-user': user, 'content-type': 'application/json' },
          body: '{}',
        })
        if (response.ok) return response.json()
        const { error } = await response.json()
        throw Object.assign(new Error(error.message), error, { status: response.status })
      },
    },
  )
}
