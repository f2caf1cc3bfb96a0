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

/**
 * Needs a channel while the component is mounted, and `lingerMs` longer. Does not render again by itself:
 * `useCollection`, `useRow` and `useChannelStatus` do.
 */
export function useChannel<S extends SyncTypes = SyncTypes>(name: string): ChannelOf<RowsOf<S>> {
  const channel = useClient<S>().channel(name, { subscribe: false })
  useEffect(() => channel.subscribe(), [channel])
  return channel
}

/** How it stands with the channel. */
export function useChannelStatus(channel: ChannelLike): ChannelStatus {
  return useSyncExternalStore(
    useCallback((listener: () => void) => channel.onStatus(listener), [channel]),
    () => channel.status,
    () => subscribing,
  )
}

/** Hears of others' operations while mounted. The listener may be another one at every render. */
export function useOperation(channel: ChannelLike, operation: string, listener: OperationListener): void {
  const latest = useRef(listener)
  useEffect(() => {
    latest.current = listener
  })
  useEffect(
    () => channel.on(operation, (envelope, context) => latest.current(envelope, context)),
    [channel, operation],
  )
}
