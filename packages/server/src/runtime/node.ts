import { randomBytes } from 'node:crypto'
import type { Runtime } from './runtime.ts'

/** The real clock, timers and randomness of a Node process. */
export const nodeRuntime: Runtime = {
  now: () => Date.now(),
  timer(afterMs, run) {
    const timeout = setTimeout(run, afterMs)
    timeout.unref()
    return { cancel: () => clearTimeout(timeout) }
  },
  endOfTurn: (run) => void setImmediate(run),
  randomText: (bytes) => randomBytes(bytes).toString('base64url'),
}
