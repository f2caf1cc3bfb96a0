import { useCallback, useEffect, useRef, useSyncExternalStore } from 'react'
import type { ChannelOf, ChannelStatus, OperationListener, RowsOf, SyncTypes } from '../index.ts'
import { useClient } from './provider.ts'

/** What of a channel a hook needs; any typed channel has it. */
export interface ChannelLike {
  readonly status: ChannelStatus
  onStatus(listener: () => void): () => void
  on(operation: string, listener: OperationListener): () => void
}

const subscribing: ChannelStatus = { state: 'subscribing' }
const idle: ChannelStatus = { state: 'idle' }
const stopNothing = (): void => {}

/**
 * Needs a channel while the component is mounted, and `lingerMs` longer. Does not render again by itself:
 * `useCollection`, `useRow` and `useChannelStatus` do. Without a name there is no channel, as while nothing is
 * chosen yet; those hooks take what is undefined, and give no rows.
 */
export function useChannel<S extends SyncTypes = SyncTypes>(name: string): ChannelOf<RowsOf<S>>
export function useChannel<S extends SyncTypes = SyncTypes>(
  name: string | undefined,
): ChannelOf<RowsOf<S>> | undefined
export function useChannel<S extends SyncTypes = SyncTypes>(
  name: string | undefined,
): ChannelOf<RowsOf<S>> | undefined {
  const client = useClient<S>()
  const channel = name === undefined ? undefined : client.channel(name, { subscribe: false })
  useEffect(() => channel?.subscribe(), [channel])
  return channel
}

/** How it stands with the channel; `idle` where there is none. */
export function useChannelStatus(channel: ChannelLike | undefined): ChannelStatus {
  return useSyncExternalStore(
    useCallback((listener: () => void) => channel?.onStatus(listener) ?? stopNothing, [channel]),
    () => channel?.status ?? idle,
    () => (channel === undefined ? idle : subscribing),
  )
}

/** Hears of others' operations while mounted. The listener may be another one at every render. */
export function useOperation(
  channel: ChannelLike | undefined,
  operation: string,
  listener: OperationListener,
): void {
  const latest = useRef(listener)
  useEffect(() => {
    latest.current = listener
  })
  useEffect(
    () => channel?.on(operation, (envelope, context) => latest.current(envelope, context)),
    [channel, operation],
  )
}
