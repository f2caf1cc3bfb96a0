import { createServer } from 'node:http'
import faye from 'faye'
import { listen } from '../load/listen.ts'
import { type Contender, messageOf } from './contender.ts'

/** Faye 1.4, the predecessor's carrier: real Bayeux subscribers, published to from inside the server. */
export async function startFaye(): Promise<Contender> {
  const http = createServer()
  const adapter = new faye.NodeAdapter({ mount: '/bayeux', timeout: 3_600 })
  adapter.attach(http)
  const port = await listen(http)
  const client = adapter.getClient()
  let sent = 0
  return {
    port,
    dialect: () => ({ kind: 'bayeux', channel: '/project/1' }),
    send(count) {
      for (let k = 0; k < count; k++) {
        void client.publish('/project/1', messageOf(sent++))
      }
    },
    close: () => {
      adapter.close()
      http.close()
      http.closeAllConnections()
    },
  }
}
