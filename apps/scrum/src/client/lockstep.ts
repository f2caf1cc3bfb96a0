import { type Client, createClient, type Endpoint } from '@lockstep/client'
import { useChannel } from '@lockstep/client/react'
import type { PageState } from '@lockstep/protocol'
import type { BoardSync } from '../server/sync.ts'

export type BoardClient = Client<BoardSync>
export type ProjectChannel = ReturnType<BoardClient['channel']>

/** A channel with the board's rows, needed while the component is mounted. */
export function useBoardChannel(name: string): ProjectChannel {
  return useChannel<BoardSync>(name)
}

/** The API says `projects/1` where the channel says `project/1`. */
const endpoint: Endpoint = ({ channel, collection, action, key, attributes }) => {
  const rows = `/api/${channel.replace(/^project\//, 'projects/')}/${collection}`
  if (action === 'create') return { method: 'POST', url: rows, body: attributes }
  const row = `${rows}/${key}`
  return action === 'update'
    ? { method: 'PATCH', url: row, body: attributes }
    : { method: 'DELETE', url: row }
}

/** The page's copy of its rows. On the server it only reads what it was given. */
export function boardClient(page: PageState, where: 'browser' | 'server'): BoardClient {
  return createClient<BoardSync>({ page }, { connect: where === 'browser', endpoint })
}
