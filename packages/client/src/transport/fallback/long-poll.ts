import type { Runtime } from '../../runtime/runtime.ts'
import type { Transport } from '../transport.ts'
import { requestTransport } from './request-transport.ts'
import { post, requestBody } from './requests.ts'

interface PollReply {
  readonly connection: string
  readonly messages: readonly object[]
  readonly close?: { readonly code: number; readonly reason: string }
}

/** Messages of the server in replies to one request after the other, those of the client beside them. */
export function longPollTransport(runtime: Runtime): Transport {
  return requestTransport(runtime, async ({ url, signal, outbox, message, lose }) => {
    let connection: string | undefined
    let messages = outbox.take()
    while (!signal.aborted) {
      const reply = await post(`${url}/poll`, requestBody(connection, messages), signal)
      // A reply that was lost on the way is not asked for again: a new connection goes on from its positions.
      if (reply.status !== 200) return lose(1006, `status ${reply.status}`)
      // Our server's, by its status and address; whatever else it is fails below and ends the connection.
      const body = JSON.parse(await reply.text()) as PollReply
      if (connection === undefined) outbox.begin(body.connection)
      connection = body.connection
      messages = []
      for (const each of body.messages) message(JSON.stringify(each))
      if (body.close !== undefined) return lose(body.close.code, body.close.reason)
    }
  })
}
