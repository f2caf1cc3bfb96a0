import type { Fallback } from '../transport/transport.ts'
import type { ConnectionState } from './state.ts'

/** How it stands with the server, for people to see. */
export type Status =
  | { readonly state: 'connecting' }
  /** Connected; some channels are not up to date yet. */
  | { readonly state: 'catching-up'; readonly fallback?: Fallback | undefined }
  /** Every channel is up to date. `fallback`: what carries messages where a WebSocket does not get through. */
  | { readonly state: 'live'; readonly fallback?: Fallback | undefined }
  /** The next try is at `retryAt`, in ms since 1970. */
  | { readonly state: 'offline'; readonly retryAt: number }
  /** The server said no, and trying again unchanged is of no use. `reason` is an error code. */
  | { readonly state: 'refused'; readonly reason: string; readonly message: string }
  | { readonly state: 'closed' }

export const connectingStatus: Status = { state: 'connecting' }

export function statusOf(state: ConnectionState, fallback: Fallback | undefined): Status {
  const { kind } = state
  if (kind === 'offline') return { state: kind, retryAt: state.alarmAt }
  if (kind === 'refused') return { state: kind, reason: state.error.code, message: state.error.message }
  return kind === 'catching-up' || kind === 'live' || kind === 'closed'
    ? { state: kind, fallback }
    : connectingStatus
}
