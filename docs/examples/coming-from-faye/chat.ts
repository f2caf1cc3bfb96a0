import type { BayeuxOptions } from '@lockstep/server'

export const bayeux: BayeuxOptions = {
  open: {
    '/chat/**': { subscribe: true, publish: ({ user }) => user !== null },
  },
  extensions: [
    {
      incoming(message, _request, callback) {
        if (String(message.channel).startsWith('/chat/') && JSON.stringify(message.data ?? '').length > 500) {
          message.error = '413::That is too long'
        }
        callback(message)
      },
    },
  ],
}
