import { LockstepError } from '@lockstep/protocol'
import type { Runtime } from '../runtime/runtime.ts'

export interface BodyBounds {
  readonly requestBytesMax: number
  readonly requestMs: number
}

/**
 * Reads a stream to its end, within the bounds of bytes and time.
 * @throws LockstepError `too_large`, `timeout`, `bad_request` where the sender broke off
 */
export async function readBounded(
  stream: ReadableStream<Uint8Array> | null,
  bounds: BodyBounds,
  runtime: Runtime,
): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array()
  const reader = stream.getReader()
  let late = false
  const timer = runtime.timer(bounds.requestMs, () => {
    late = true
    // The read that waits ends, and the loop with it.
    void reader.cancel().catch(() => {})
  })
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw new LockstepError('bad_request', 'The body broke off.', { cause })
      })
      if (late) throw new LockstepError('timeout', 'The body did not arrive in time.')
      if (done) return Buffer.concat(chunks)
      length += value.byteLength
      if (length > bounds.requestBytesMax) {
        // Not awaited: a cancelled half of a cloned body waits for the other half.
        void reader.cancel().catch(() => {})
        throw tooLarge(bounds)
      }
      chunks.push(value)
    }
  } finally {
    timer.cancel()
  }
}

export function tooLarge(bounds: BodyBounds): LockstepError {
  return new LockstepError('too_large', `A body has at most ${bounds.requestBytesMax} bytes.`)
}
