import type { Row } from '@lockstep/protocol'
import type { Key } from '../collection/collection.ts'

/** Shows a write's expected effect before the server has answered. */
export interface OptimisticTransaction {
  /** Returns the row's key, a temporary one where the attributes don't hold it. */
  create(collection: string, attributes: Row): string
  update(collection: string, key: Key, attributes: Row): void
  destroy(collection: string, key: Key): void
}

/** One HTTP request to the application's own API. */
export interface WriteRequest {
  /** Default POST. */
  readonly method?: string
  readonly url: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly optimistic?: (transaction: OptimisticTransaction) => void
}

/** What a collection's write becomes. */
export interface EndpointRequest {
  readonly channel: string
  readonly collection: string
  readonly action: 'create' | 'update' | 'destroy'
  /** Undefined for a row that the server shall name. */
  readonly key: string | undefined
  readonly attributes: Row
}

/** Chooses method, address and body of a collection's write. */
export type Endpoint = (request: EndpointRequest) => Omit<WriteRequest, 'optimistic'>

/** POST, PATCH and DELETE on `<api>/<channel>/<collection>[/<key>]`. */
export function restEndpoint(api: string): Endpoint {
  return ({ channel, collection, action, key, attributes }) => {
    const url = `${api}/${channel}/${collection}`
    if (action === 'create') return { method: 'POST', url, body: attributes }
    const rowUrl = `${url}/${encodeURIComponent(key ?? '')}`
    return action === 'update'
      ? { method: 'PATCH', url: rowUrl, body: attributes }
      : { method: 'DELETE', url: rowUrl }
  }
}
