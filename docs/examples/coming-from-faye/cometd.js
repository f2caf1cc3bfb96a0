import { lockstepExtension } from './lockstep-extension.js'

/** The same for CometD, whose extensions return the message instead of calling back. */
export function lockstepForCometD(options) {
  const extension = lockstepExtension(options)
  const pass = (way) => (message) => {
    let passed
    extension[way](message, (next) => {
      passed = next
    })
    return passed
  }
  return { outgoing: pass('outgoing'), incoming: pass('incoming') }
}

export function connect(cometd, url, token) {
  cometd.configure({ url })
  cometd.registerExtension('lockstep', lockstepForCometD({ token }))
  cometd.handshake()
}
