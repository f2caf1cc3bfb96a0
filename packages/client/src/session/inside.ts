import type { Session } from './session.ts'

/** What is not part of the core, and is loaded by those who need it, knows of a client. */
interface Inside {
  readonly session: Session
}

export function insideOf(client: object): Inside {
  return client as Inside // `createClient` makes only clients that have one
}

let requests = 2 ** 52

/** A number for a request that the core, which counts from 1, never uses. */
export function requestNumber(): number {
  return ++requests
}
