import { useCallback, useSyncExternalStore } from 'react'
import type { Status } from '../index.ts'
import { useClient } from './provider.ts'

const connecting: Status = { state: 'connecting' }

/** How it stands with the server. */
export function useStatus(): Status {
  const client = useClient()
  return useSyncExternalStore(
    useCallback((listener) => client.onStatus(listener), [client]),
    () => client.status,
    () => connecting,
  )
}

/** How many writes have not ended. */
export function usePendingWrites(): number {
  const client = useClient()
  return useSyncExternalStore(
    useCallback((listener) => client.onPendingWrites(listener), [client]),
    () => client.pendingWrites,
    () => 0,
  )
}
