import type { Runtime } from './runtime.ts'

/** The runtime of a browser or of Node. Touches no global until it is used. */
export const platformRuntime: Runtime = {
  now: () => Date.now(),
  random: () => Math.random(),
  timer(afterMs, run) {
    const timer = setTimeout(run, afterMs)
    return () => clearTimeout(timer)
  },
  uniqueId() {
    // Not randomUUID: that is missing on pages served over plain HTTP.
    const bytes = crypto.getRandomValues(new Uint8Array(16))
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  },
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
