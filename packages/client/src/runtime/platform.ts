import type { Runtime } from './runtime.ts'

/** How far the clock was set back so far, all together, and what it showed last. */
let lag = 0
let shown = 0

/** The runtime of a browser or of Node. Touches no global until it is used. */
export const platformRuntime: Runtime = {
  now() {
    const now = Date.now()
    lag += Math.max(0, shown - now)
    shown = now
    return now + lag
  },
  random: () => Math.random(),
  timer(afterMs, run) {
    const timer = setTimeout(run, afterMs)
    return () => clearTimeout(timer)
  },
  // 128 bits. Not randomUUID: that is missing on pages served over plain HTTP.
  uniqueId: () => crypto.getRandomValues(new Uint32Array(4)).join('-'),
  fetch: (url, request) => fetch(url, request as RequestInit), // a body that is undefined is none
  onWake(listener) {
    if (!globalThis.document) return () => {}
    const visible = () => document.hidden || listener()
    const listening = new AbortController()
    addEventListener('online', listener, listening)
    document.addEventListener('visibilitychange', visible, listening)
    return () => listening.abort()
  },
}
