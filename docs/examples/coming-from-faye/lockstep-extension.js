/**
 * An extension for Faye's client: says who it is, and lets each subscription go on where it was after a break.
 * `positions`, by channel, is where to begin; the extension keeps it up to date.
 */
export function lockstepExtension({ token, positions = {}, onReset } = {}) {
  const following = new Set()

  return {
    positions,

    outgoing(message, callback) {
      const lockstep = {}
      if (message.channel === '/meta/handshake') {
        lockstep.resume = true
        if (token !== undefined) lockstep.token = token // without one, the page's cookie says who it is
      }
      if (message.channel === '/meta/subscribe') {
        lockstep.positions = {}
        for (const channel of [message.subscription].flat()) {
          following.delete(channel)
          if (positions[channel] !== undefined) lockstep.positions[channel] = positions[channel]
        }
      }
      if (Object.keys(lockstep).length > 0) message.ext = { ...message.ext, lockstep }
      callback(message)
    },

    incoming(message, callback) {
      const { token: fresh, position, reset, revoked } = message.ext?.lockstep ?? {}
      if (fresh !== undefined) token = fresh // takes the place of the old one before that ends
      if (message.channel === '/meta/subscribe' && message.successful) {
        for (const channel of [message.subscription].flat()) following.add(channel)
      } else if (message.channel === '/meta/connect' && position !== undefined) {
        for (const channel of following) positions[channel] = position // everything before it has come
      } else if (!message.channel.startsWith('/meta/') && position !== undefined) {
        positions[message.channel] = position
      }
      callback(message)
      if (reset !== undefined || revoked) onReset?.(message.channel, reset ?? 'revoked')
    },
  }
}
