import type { WatchedLink } from './link.ts'

/**
 * Watches a Faye or CometD client on its WebSocket; `send` puts a text on it beside the client's own. A message
 * to a service channel goes to nobody, and its reply comes after all that was handed to the client before.
 * Also runs inside pages, as its own source text: it must use nothing from outside.
 */
export function watchBayeux(send: (text: string) => void): WatchedLink {
  interface Message {
    readonly channel?: string
    readonly id?: string
    readonly clientId?: string
  }
  let clientId = ''
  let asked = 0
  let gone = false
  /** Ids of what was sent and not answered yet: subscriptions, and messages of our own. */
  const waiting = new Set<string>()
  const looks = new Set<() => void>()
  const look = (): void => {
    for (const one of [...looks]) one()
  }
  const answered = (): Promise<void> =>
    new Promise((resolve) => {
      const one = (): void => {
        if (!gone && waiting.size > 0) return
        looks.delete(one)
        resolve()
      }
      looks.add(one)
      one()
    })
  const read = (text: string): readonly Message[] => {
    try {
      return [JSON.parse(text)].flat().map(Object)
    } catch {
      return []
    }
  }
  return {
    sent(text) {
      for (const { channel, id = '', clientId: client } of read(text)) {
        if (client !== undefined) clientId = client
        if (channel === '/meta/subscribe') waiting.add(id)
      }
    },
    came(text) {
      for (const { id = '', clientId: client } of read(text)) {
        if (client !== undefined) clientId = client
        waiting.delete(id)
      }
      look()
    },
    closed() {
      gone = true
      look()
    },
    async settled() {
      await answered()
      if (gone || clientId === '') return
      // No number, as clients number theirs.
      const id = `settled-${asked++}`
      waiting.add(id)
      send(JSON.stringify([{ channel: '/service/settled', clientId, data: {}, id }]))
      await answered()
    },
  }
}
