import { createClient } from '@lockstep/client'
import { syncCollection } from '@lockstep/client/backbone'

const client = createClient({ url: '/lockstep' })
export const todos = new Backbone.Collection()
syncCollection(todos, client.channel('sync/todos').collection('todos'))
