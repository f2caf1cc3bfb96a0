import { FayeSubscriber } from './faye-subscriber.js'
import { lockstepExtension } from './lockstep-extension.js'

const channel = '/sync/todos'
const todos = new Backbone.Collection()
const client = new Faye.Client('/faye')
const extension = lockstepExtension({
  onReset: (_channel, reason) => (reason === 'revoked' ? todos.reset() : follow()),
})
client.addExtension(extension)

let subscriber
async function follow() {
  subscriber?.subscription.cancel()
  const { position, collections } = await (await fetch('/lockstep/snapshot/sync/todos')).json()
  const { columns, rows } = collections.todos
  todos.reset(rows.map((row) => Object.fromEntries(row.map((value, i) => [columns[i], value]))))
  extension.positions[channel] = position
  subscriber = new FayeSubscriber(client, todos, channel)
}

todos.on('update change reset', () => {
  document.querySelector('ul').replaceChildren(
    ...todos.map((todo) => {
      const item = document.createElement('li')
      item.textContent = todo.get('title')
      return item
    }),
  )
})
follow()
