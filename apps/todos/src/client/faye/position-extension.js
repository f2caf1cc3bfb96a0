/**
 * Extension of a Faye client that subscribes from a position: of the page at first, then of the last message.
 * So whatever was committed before the subscription, or while the client was away, is told as well.
 */
export class PositionExtension {
  /** @param {Readonly<Record<string, string>>} positions of the page's rows, by channel */
  constructor(positions) {
    /** @type {Record<string, string>} */
    this.positions = { ...positions }
    /** Channels that the server has granted to the client as it is connected now. */
    this.granted = new Set()
    /** @type {Map<string, () => void>} what begins a channel's rows anew */
    this.resets = new Map()
    /** Hears when `isLive` may have changed. */
    this.onChange = () => {}
  }

  /** Whether the server tells all channels to the client as it is connected now. */
  get isLive() {
    return Object.keys(this.positions).every((channel) => this.granted.has(channel))
  }

  /**
   * @param {any} message
   * @param {(message: any) => void} callback
   */
  outgoing(message, callback) {
    if (message.channel === '/meta/handshake') {
      this.granted.clear()
      this.onChange()
      message.ext = { lockstep: { resume: true } }
    }
    if (message.channel === '/meta/subscribe') message.ext = { lockstep: { positions: this.positions } }
    callback(message)
  }

  /**
   * @param {any} message
   * @param {(message: any) => void} callback
   */
  incoming(message, callback) {
    const { position, reset } = message.ext?.lockstep ?? {}
    if (message.channel === '/meta/subscribe' && message.successful) {
      for (const channel of [message.subscription].flat()) this.granted.add(channel)
      this.onChange()
    }
    if (position !== undefined) {
      // With a reply to connect it holds for all channels that were granted, also for quiet ones.
      const channels = message.channel === '/meta/connect' ? this.granted : [message.channel]
      for (const channel of channels) if (channel in this.positions) this.positions[channel] = position
    }
    if (reset !== undefined) this.resets.get(message.channel)?.()
    callback(message)
  }
}
