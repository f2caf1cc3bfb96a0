import { ListsRouter } from '../lists-router.ts'
import { Status } from '../models.ts'
import { FayeSubscriber } from './faye-subscriber.js'
import { PositionExtension } from './position-extension.js'
import { StreamedList, StreamedLists, StreamedTodo, StreamedTodos } from './streamed.js'

/**
 * The page's collections, each with a subscriber that keeps it in step: nothing here knows of Lockstep but the
 * extension, without which a page would miss what happens before it subscribes or while it is away.
 */
export class TodosRouter extends ListsRouter {
  /** @param {import('../../model/page.ts').ListsPage} options */
  constructor(options) {
    const status = new Status()
    const client = new Faye.Client('/bayeux', { retry: 1 })
    const positions = options.live.variant === 'faye' ? options.live.positions : {}
    const extension = new PositionExtension(positions)
    client.addExtension(extension)
    let isReachable = true
    const show = () => {
      if (!isReachable) status.set({ state: 'offline', reason: 'The server cannot be reached.' })
      else status.set({ state: extension.isLive ? 'live' : 'connecting', reason: '' })
    }
    extension.onChange = show
    client.on('transport:down', () => {
      isReachable = false
      show()
    })
    client.on('transport:up', () => {
      isReachable = true
      show()
    })

    const lists = new StreamedLists(options.teamId, StreamedList)
    const subscribed = [
      new FayeSubscriber(lists, { client, extension, channel: `team/${options.teamId}/lists` }).subscribed,
    ]
    lists.reset([...options.lists])

    /** @type {import('../models.ts').Todos | undefined} */
    let todos
    if (options.listId !== undefined) {
      todos = new StreamedTodos(options.listId, StreamedTodo)
      subscribed.push(
        new FayeSubscriber(todos, { client, extension, channel: `list/${options.listId}/todos` }).subscribed,
      )
      todos.reset([...options.todos])
    }

    Promise.all(subscribed).catch(() => {
      status.set({ state: 'refused', reason: 'The server does not give this list.' })
    })
    super(options, { lists, todos, status })
  }
}
