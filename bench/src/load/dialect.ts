/** What a subscriber says after the WebSocket is open, until it is subscribed. */
export interface Dialect {
  readonly path: string
  /** First message; undefined: the server speaks first or there is nothing to say. */
  opening(subscriber: number): string | undefined
  /** What to answer to a message before the subscription stands, or `ready`. */
  answer(text: string): { readonly say?: string; readonly ready?: boolean }
  /** Ready as soon as the WebSocket is open. */
  readonly silent: boolean
}

export type DialectChoice =
  | { readonly kind: 'plain' }
  | { readonly kind: 'socket.io' }
  | {
      readonly kind: 'bayeux'
      readonly channel: string
      /** Of Lockstep's sessions; Faye's own server wants none. */
      readonly tokens?: readonly string[]
    }
  | {
      readonly kind: 'lockstep'
      readonly path: string
      readonly channel: string
      readonly tokens: readonly string[]
    }

export function dialectOf(choice: DialectChoice): Dialect {
  switch (choice.kind) {
    case 'plain':
      return { path: '/', silent: true, opening: () => undefined, answer: () => ({}) }
    case 'socket.io':
      return socketIo
    case 'bayeux':
      return bayeux(choice.channel, choice.tokens)
    case 'lockstep':
      return lockstep(choice.path, choice.channel, choice.tokens)
  }
}

/** Engine.IO 4: `0{...}` opens, `40` connects the namespace, `2` is a ping. */
const socketIo: Dialect = {
  path: '/socket.io/?EIO=4&transport=websocket',
  silent: false,
  opening: () => undefined,
  answer(text) {
    if (text.startsWith('0{')) return { say: '40' }
    if (text.startsWith('40')) return { ready: true }
    if (text === '2') return { say: '3' }
    return {}
  },
}

/** Bayeux 1.0: handshake, subscribe, then a connect, which the server holds. */
function bayeux(channel: string, tokens: readonly string[] | undefined): Dialect {
  const handshake = {
    channel: '/meta/handshake',
    version: '1.0',
    supportedConnectionTypes: ['websocket'],
    id: '1',
  }
  return {
    path: '/bayeux',
    silent: false,
    opening: (subscriber) => {
      const token = tokens?.[subscriber]
      return JSON.stringify([
        token === undefined ? handshake : { ...handshake, ext: { lockstep: { token } } },
      ])
    },
    answer(text) {
      const replies: unknown = JSON.parse(text)
      for (const reply of Array.isArray(replies) ? replies : [replies]) {
        if (reply?.successful === false) throw new Error(`refused: ${text}`)
        const { clientId } = reply
        // Not in one array: the replies of an array come together, and the server holds the connect.
        if (reply?.channel === '/meta/handshake') {
          return {
            say: JSON.stringify([{ channel: '/meta/subscribe', clientId, subscription: channel, id: '2' }]),
          }
        }
        if (reply?.channel === '/meta/subscribe') {
          return {
            say: JSON.stringify([
              { channel: '/meta/connect', clientId, connectionType: 'websocket', id: '3' },
            ]),
            ready: true,
          }
        }
      }
      return {}
    },
  }
}

function lockstep(path: string, channel: string, tokens: readonly string[]): Dialect {
  return {
    path,
    silent: false,
    opening: (subscriber) => JSON.stringify({ type: 'hello', version: 1, token: tokens[subscriber] }),
    answer(text) {
      const message: unknown = JSON.parse(text)
      const type = typeof message === 'object' && message !== null && 'type' in message ? message.type : ''
      if (type === 'welcome') return { say: JSON.stringify({ type: 'subscribe', id: 1, channel }) }
      if (type === 'error') throw new Error(`refused: ${text}`)
      return { ready: type === 'live' }
    },
  }
}
