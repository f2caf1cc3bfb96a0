import { nodeRuntime } from './node.ts'
import type { Runtime } from './runtime.ts'

/** How far the exact clock may be from the wall clock before it follows it, in ms. */
const driftMsMax = 2

/**
 * The runtime's wall clock with fractions of a millisecond, for telling stages apart that take less than one.
 * A virtual clock has none.
 */
export function exactClock(runtime: Runtime): () => number {
  if (runtime !== nodeRuntime) return () => runtime.now()
  let offset = Date.now() - performance.now()
  return () => {
    const exact = offset + performance.now()
    const wall = Date.now()
    if (Math.abs(wall - exact) <= driftMsMax) return exact
    offset += wall - exact
    return wall
  }
}
