import { defineSync } from '@lockstep/server'

export const sync = defineSync({
  channels: {
    'sync/todos': { authorize: ({ user }) => user.reads === 'todos' },
  },
  collections: {
    todos: {
      channel: 'sync/todos',
      table: 'todos',
      columns: ['id', 'title', 'created_at', 'updated_at'],
    },
  },
})
