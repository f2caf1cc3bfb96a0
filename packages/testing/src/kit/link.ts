/** What is watched of one client's connection to a Lockstep server. */
export interface WatchedLink {
  /** A text that the client sends. */
  sent(text: string): void
  /** A text that came, after the client has had it. */
  came(text: string): void
  /** The connection is gone; the client will make another. */
  closed(): void
  /**
   * Resolves when the client has had everything that was committed before the call: no channel that it asked
   * for is still being filled, and the server has answered a barrier of its own on this connection.
   */
  settled(): Promise<void>
}

/**
 * Watches one connection; `send` puts a text on it beside the client's own. Also runs inside pages, as its own
 * source text: it must use nothing from outside.
 */
export function watchLink(send: (text: string) => void): WatchedLink {
  // Far beyond the numbers that a client gives its requests, which come back to it by number.
  const firstBarrier = 2 ** 52
  let barriers = 0
  let greeted = false
  let gone = false
  const filling = new Set<string>()
  const waiting = new Map<number, () => void>()
  const looks = new Set<() => void>()
  const look = (): void => {
    for (const one of [...looks]) one()
  }
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const one = (): void => {
        if (!gone && !condition()) return
        looks.delete(one)
        resolve()
      }
      looks.add(one)
      one()
    })
  const read = (text: string): { type?: string; channel?: string; id?: number } => {
    try {
      return Object(JSON.parse(text))
    } catch {
      return {}
    }
  }
  return {
    sent(text) {
      const { type, channel = '' } = read(text)
      if (type === 'subscribe') filling.add(channel)
      if (type === 'unsubscribe') filling.delete(channel)
    },
    came(text) {
      const { type, channel = '', id = -1 } = read(text)
      if (type === 'welcome') greeted = true
      else if (type === 'reset') filling.add(channel)
      else if (type === 'live' || type === 'error' || type === 'revoked') filling.delete(channel)
      if (type === 'barrier' || type === 'error') {
        waiting.get(id)?.()
        waiting.delete(id)
      }
      look()
    },
    closed() {
      gone = true
      for (const end of waiting.values()) end()
      waiting.clear()
      look()
    },
    async settled() {
      await until(() => greeted && filling.size === 0)
      if (gone) return
      const id = firstBarrier + barriers++
      const answered = new Promise<void>((resolve) => waiting.set(id, resolve))
      send(JSON.stringify({ type: 'barrier', id }))
      await answered
      await until(() => filling.size === 0)
    },
  }
}
