import type { Way } from './answers.ts'
import type { Bayeux } from './bayeux.ts'
import type { BayeuxClient } from './client.ts'
import { connectionTypes } from './handshake.ts'
import { type Message, own, Refusal, type Reply } from './message.ts'
import type { Parcel } from './parcel.ts'

/**
 * Answers a connect when there is something to say or its time is over. A second connect of a client
 * releases the first. @throws Refusal
 */
export function holdConnect(
  bayeux: Bayeux,
  client: BayeuxClient,
  message: Message,
  way: Way,
  reply: Reply,
): Promise<{ parcels: readonly Parcel[]; reply: Reply }> {
  const type = own(message.fields, 'connectionType')
  if (typeof type !== 'string')
    throw new Refusal(400, 'connectionType', 'A connect names its connection type')
  if (!connectionTypes(bayeux).includes(type))
    throw new Refusal(301, 'connectionType', 'Unknown connection type')
  bayeux.settle(client)
  client.release()
  // Whoever polls has no stream any more.
  if (way.outlet === undefined && type !== 'eventsource') client.leaveOutlet()
  const ack = own(message.ext, 'ack')
  if (client.acks && typeof ack === 'number') client.acknowledged(ack)
  const timeoutMs = way.alone || way.outlet !== undefined ? timeoutOf(message, bayeux.timeoutMs) : 0
  const { runtime } = bayeux.parts
  const repeated = way.outlet === undefined ? client.repeated(message.id) : undefined
  if (repeated !== undefined)
    return Promise.resolve({ parcels: repeated, reply: replyOf(bayeux, client, reply) })
  return new Promise((resolve) => {
    const held = {
      incoming: way.incoming,
      release(parcels: readonly Parcel[], more: Reply = {}): void {
        timer.cancel()
        client.seenAt = runtime.now()
        if (way.outlet === undefined) client.answered(message.id, parcels)
        resolve({
          parcels,
          reply: client.ended ? endOf(client, reply) : { ...replyOf(bayeux, client, reply), ...more },
        })
      },
      forget: () => timer.cancel(),
    }
    const timer = runtime.timer(timeoutMs, () => {
      if (client.held === held) client.release()
    })
    client.held = held
    if (timeoutMs === 0 || (client.outlet === undefined && client.queue.hasWaiting)) client.release()
    else client.flush()
  })
}

/** The client's own wish, within what the server holds. */
function timeoutOf(message: Message, mostMs: number): number {
  const asked = own(own(message.fields, 'advice'), 'timeout')
  return typeof asked === 'number' && asked >= 0 ? Math.min(asked, mostMs) : mostMs
}

function replyOf(bayeux: Bayeux, client: BayeuxClient, reply: Reply): Reply {
  const ext: Reply = {}
  const { position, token } = client
  const isAll = position !== undefined && !client.queue.hasWaiting
  if (isAll || token !== undefined) {
    ext.lockstep = { ...(isAll ? { position } : {}), ...(token === undefined ? {} : { token }) }
    client.token = undefined
  }
  if (client.acks) ext.ack = client.queue.batch
  return {
    ...reply,
    clientId: client.id,
    successful: true,
    advice: { reconnect: 'retry', interval: 0, timeout: bayeux.timeoutMs },
    ...(Object.keys(ext).length > 0 ? { ext } : {}),
  }
}

/** The client was let go while it waited: it shakes hands again, unless it was its own wish. */
function endOf(client: BayeuxClient, reply: Reply): Reply {
  if (client.endedFor === 'disconnected') {
    return { ...reply, clientId: client.id, successful: true, advice: { reconnect: 'none' } }
  }
  return {
    ...reply,
    clientId: client.id,
    successful: false,
    error: `402::${client.endedFor ?? 'Unknown client'}`,
    advice: { reconnect: 'handshake', interval: client.endedFor === 'restarting' ? spread(client.id) : 0 },
  }
}

/** Over how long clients of a server that closes come back, in ms. */
const returnSpreadMs = 2_000

/** Differs from client to client, so that they do not all come at once. */
function spread(clientId: string): number {
  return Math.round(((Buffer.from(clientId, 'base64url')[0] ?? 0) / 255) * returnSpreadMs)
}
