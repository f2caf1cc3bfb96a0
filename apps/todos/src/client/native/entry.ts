import { type Status as ClientStatus, createClient } from '@lockstep/client'
import { beginEdit, syncCollection } from '@lockstep/client/backbone'
import type { NativeState } from '../../model/page.ts'
import type { TodosSync } from '../../server/sync.ts'
import { ListsRouter } from '../lists-router.ts'
import { Lists, Status, Todos } from '../models.ts'
import { readPage } from '../page.ts'

/** The native client: rows of the page, then changes, writes and what becomes of them. */
const page = readPage()
const client = createClient<TodosSync>({ page: (page.live as NativeState).lockstep }) // this page's variant

const lists = new Lists(page.teamId)
syncCollection(lists, client.channel(`team/${page.teamId}`).lists)

let todos: Todos | undefined
if (page.listId !== undefined) {
  todos = new Todos(page.listId)
  syncCollection(todos, client.channel(`list/${page.listId}`).todos)
}

const status = new Status()
const show = (now: ClientStatus): void => {
  const reason =
    now.state === 'refused'
      ? now.message
      : now.state === 'offline'
        ? 'What you change now is sent when the server can be reached again.'
        : ''
  status.set({ state: now.state, reason })
}
client.onStatus(show)
show(client.status)

new ListsRouter(page, { lists, todos, status, beginEdit })
