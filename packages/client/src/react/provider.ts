import { createContext, createElement, type ReactElement, type ReactNode, useContext } from 'react'
import type { Client, SyncTypes } from '../index.ts'

const ClientContext = createContext<Client | undefined>(undefined)

/** Gives the client to the hooks of everything below. */
export function LockstepProvider<S extends SyncTypes>(props: {
  readonly client: Client<S>
  readonly children?: ReactNode
}): ReactElement {
  // Which rows there are is known to the type only; `useClient<typeof sync>()` says it again.
  return createElement(ClientContext, { value: props.client as unknown as Client }, props.children)
}

/** The client of the nearest provider. */
export function useClient<S extends SyncTypes = SyncTypes>(): Client<S> {
  const client = useContext(ClientContext)
  if (client === undefined) throw new Error('useClient: there is no LockstepProvider above.')
  return client as unknown as Client<S> // See LockstepProvider.
}
