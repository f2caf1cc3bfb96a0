import type { IncomingMessage } from 'node:http'
import { LockstepError } from '@lockstep/protocol'
import type { Runtime } from '../../runtime/runtime.ts'
import type { BayeuxLimits } from './limits.ts'

/** Reads a body. @throws LockstepError `too_large`, `timeout`, `bad_request` where the sender broke off */
export function readBody(incoming: IncomingMessage, limits: BayeuxLimits, runtime: Runtime): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const end = (finish: () => void): void => {
      timer.cancel()
      incoming.pause()
      finish()
    }
    const timer = runtime.timer(limits.bodyMs, () => end(() => reject(new LockstepError('timeout'))))
    incoming.on('data', (chunk: Buffer) => {
      length += chunk.byteLength
      if (length > limits.bodyBytesMax) end(() => reject(new LockstepError('too_large')))
      else chunks.push(chunk)
    })
    incoming.on('end', () => end(() => resolve(Buffer.concat(chunks).toString())))
    incoming.on('error', () => end(() => reject(new LockstepError('bad_request', 'The body broke off.'))))
  })
}
