import type { Json } from '@lockstep/protocol'
import type { Effect } from '../collection/store.ts'
import type { WriteError } from './error.ts'
import type { WriteRequest } from './writes.ts'

/** One write on its way: through HTTP there, and through the stream back. */
export interface Mutation {
  readonly id: string
  readonly effects: readonly Effect[]
  /** Those of the effects that still show. */
  readonly showing: Set<Effect>
  /** Made when it is sent, when temporary keys are known. */
  readonly request: () => Omit<WriteRequest, 'optimistic'>
  /** Connections begun before it was made; -1 once the stream has had its time to confirm it. */
  generation: number
  /** The request has ended, one way or the other. */
  readonly replied: Gate
  /** All has ended. */
  readonly finished: Gate
  /** The server said yes. */
  answered?: boolean
  reply?: Json | undefined
  /** It has passed through the stream. */
  confirmed: boolean
  /** Barrier that was asked for after the answer. */
  barrier?: number | undefined
  resolve(reply: Json | undefined): void
  reject(error: WriteError): void
}

/** Something that others wait for, and that happens once. */
export class Gate {
  open: () => void = () => {}
  readonly passed: Promise<void> = new Promise((resolve) => {
    this.open = resolve
  })
}
