import type { IncomingMessage } from 'node:http'
import { LockstepError } from '@lockstep/protocol'
import type { User } from '../../definition/definition.ts'
import type { Bayeux } from './bayeux.ts'
import type { BayeuxClient, Outlet } from './client.ts'
import { holdConnect } from './connect.ts'
import { timesync } from './extensions.ts'
import { shakeHands, signInBy } from './handshake.ts'
import {
  errorText,
  type Fields,
  isChannel,
  isGlob,
  type Message,
  own,
  Refusal,
  type Reply,
  readMessage,
  replyTo,
} from './message.ts'
import { isReserved } from './open.ts'

/** How a request came, and what may be done with it. */
export interface Way {
  readonly incoming: IncomingMessage
  /** Whether the request itself says who sends it: never for JSON-P, which any page can send. */
  readonly identifies: boolean
  /** A WebSocket: what comes on it, its client is told over it. */
  readonly outlet: Outlet | undefined
  /** Other messages of the same request wait for the reply to connect: it is not held then. */
  readonly alone: boolean
  /** Ids of the clients that came this way. */
  readonly clients: Set<string>
}

/** Texts of messages to send back for one message; empty: nothing. */
export type Answer = Promise<readonly string[]>

/** How long a client waits after a connect that was refused, in ms. */
const refusedIntervalMs = 5_000

/** Answers Bayeux messages, whichever way they came. */
export class Answers {
  readonly #bayeux: Bayeux

  constructor(bayeux: Bayeux) {
    this.#bayeux = bayeux
  }

  /**
   * One answer per message, in order; each may still be under way. Resolves when all but those that wait on
   * purpose have been done. @throws LockstepError `too_fast` for an address that guesses client ids
   */
  async take(messages: readonly Fields[], way: Way): Promise<Answer[]> {
    const handshake = messages.find((fields) => own(fields, 'channel') === '/meta/handshake')
    // What came along with a handshake cannot have a client id yet.
    const taken = handshake === undefined ? messages : [handshake]
    const answers: Answer[] = []
    for (const fields of taken) {
      const answer = await this.#one(fields, way)
      answers.push(answer.texts)
    }
    return answers
  }

  /** Wrapped, so that waiting for it does not wait for what is held. */
  async #one(fields: Fields, way: Way): Promise<{ texts: Answer }> {
    const receivedAt = this.#bayeux.parts.runtime.now()
    const reply = replyTo(fields)
    try {
      const passed = await this.#bayeux.extensions.pass('incoming', fields, way.incoming)
      if (passed === undefined) return { texts: Promise.resolve([]) }
      const message = readMessage(passed)
      const finish = (answered: Reply): Promise<string[]> => this.#finish(answered, message, receivedAt, way)
      if (typeof passed.error === 'string') {
        return { texts: finish({ ...reply, successful: false, error: passed.error }) }
      }
      if (message.channel === '/meta/handshake') {
        return { texts: finish({ ...reply, ...(await shakeHands(this.#bayeux, message, way)) }) }
      }
      if (isUnknownMeta(message.channel)) throw new Refusal(403, message.channel, 'There is no such channel')
      if (message.clientId === undefined && !message.channel.startsWith('/meta/')) {
        return { texts: finish({ ...reply, ...(await this.#publishAsNobody(message, way)) }) }
      }
      const client = this.#clientOf(message, way)
      if (message.channel === '/meta/connect') {
        if (!this.#bayeux.allowed(client)) throw tooMany()
        const held = holdConnect(this.#bayeux, client, message, way, reply)
        return {
          texts: held.then(async ({ parcels, reply }) => [
            ...(await this.#bayeux.extensions.passAll(parcels, way.incoming)).map(({ text }) => text),
            ...(await finish(reply)),
          ]),
        }
      }
      return {
        texts: client.recent.once(message, () => this.#inTurn(client, message, way, reply).then(finish)),
      }
    } catch (error) {
      // Not for this message alone: the whole request is refused.
      if (error instanceof LockstepError && error.code === 'too_fast') throw error
      return { texts: this.#refuse(error, reply, way) }
    }
  }

  #clientOf(message: Message, way: Way): BayeuxClient {
    const { clientId } = message
    if (clientId === undefined) throw new Refusal(400, 'clientId', 'A message names its client')
    const client = this.#bayeux.find(clientId)
    if (client === undefined) {
      const address = this.#bayeux.parts.addressOf(way.incoming)
      if (!this.#bayeux.mayGuess(address)) throw new LockstepError('too_fast')
      throw new Refusal(402, '', 'Unknown client')
    }
    way.clients.add(client.id)
    client.seenAt = this.#bayeux.parts.runtime.now()
    client.connection?.heard()
    if (way.outlet !== undefined) client.attach(way.outlet)
    return client
  }

  async #inTurn(client: BayeuxClient, message: Message, way: Way, reply: Reply): Promise<Reply> {
    const done = client.turn.then(() => this.#do(client, message, way))
    client.turn = done.catch(() => {})
    try {
      return { ...reply, ...(await done) }
    } catch (error) {
      return { ...reply, ...this.#refusal(error) }
    }
  }

  async #do(client: BayeuxClient, message: Message, way: Way): Promise<Reply> {
    if (!this.#bayeux.allowed(client)) throw tooMany()
    switch (message.channel) {
      case '/meta/subscribe':
        return this.#subscribe(client, message, way)
      case '/meta/unsubscribe':
        return this.#unsubscribe(client, message)
      case '/meta/disconnect':
        client.end('disconnected')
        return { clientId: client.id, successful: true }
      default:
        await this.#publish(message, client.user)
        return { clientId: client.id, successful: true }
    }
  }

  async #subscribe(client: BayeuxClient, message: Message, way: Way): Promise<Reply> {
    const patterns = patternsIn(message)
    if (patterns.length > this.#bayeux.limits.subscriptionsMax) {
      throw new Refusal(413, '', 'Too many subscriptions')
    }
    const lockstep = own(message.ext, 'lockstep')
    if (client.user === null) await signInBy(this.#bayeux, client, lockstep, way)
    const subscriptions = this.#bayeux.subscriptionsOf(client)
    let refused: unknown
    for (const pattern of patterns) {
      try {
        if (subscriptions === undefined) throw new Refusal(402, '', 'Unknown client')
        const position =
          own(own(lockstep, 'positions'), pattern) ??
          own(lockstep, 'position') ??
          (subscriptions.patterns.has(pattern) ? undefined : client.from)
        if (position !== undefined) client.resumes = true
        if (subscriptions.patterns.size >= this.#bayeux.limits.subscriptionsMax) {
          throw new Refusal(413, pattern, 'Too many subscriptions')
        }
        if (/^\/(?:sync|operations)\//.test(pattern)) {
          await subscriptions.subscribe(pattern, position === undefined ? undefined : String(position))
        } else if (
          !isReserved(pattern) &&
          (await this.#bayeux.open.allows('subscribe', { user: client.user, channel: pattern }))
        ) {
          if (client.ended) throw new Refusal(402, '', 'Unknown client')
          subscriptions.patterns.add(pattern)
          this.#bayeux.open.add(pattern, client)
        } else throw new Refusal(403, pattern, 'This channel is not open')
      } catch (error) {
        refused ??= error
      }
    }
    const outcome = refused === undefined ? { successful: true } : this.#refusal(refused)
    return { clientId: client.id, ...outcome }
  }

  #unsubscribe(client: BayeuxClient, message: Message): Reply {
    const subscriptions = this.#bayeux.subscriptionsOf(client)
    for (const pattern of patternsIn(message)) {
      subscriptions?.unsubscribe(pattern)
      this.#bayeux.open.remove(pattern, client)
    }
    return { clientId: client.id, successful: true }
  }

  /** Backends publish with a plain POST: without a client, there is nothing to shake hands for. */
  async #publishAsNobody(message: Message, way: Way): Promise<Reply> {
    if (!this.#bayeux.mayPublish(this.#bayeux.parts.addressOf(way.incoming))) throw tooMany()
    const user = way.identifies ? await this.#bayeux.parts.authenticate(way.incoming) : null
    await this.#publish(message, user)
    return { successful: true }
  }

  async #publish(message: Message, user: User | null): Promise<void> {
    const { channel } = message
    const data = own(message.fields, 'data')
    if (data === undefined) throw new Refusal(400, 'data', 'A message has data')
    // Taken by extensions or by nobody; distributed never.
    if (channel.startsWith('/service/')) return
    const { open } = this.#bayeux
    if (isReserved(channel) || !(await open.allows('publish', { user, channel, data }))) {
      throw new Refusal(403, channel, 'Clients do not publish here')
    }
    open.publish(channel, data)
  }

  #refusal(error: unknown): Reply {
    if (error instanceof Refusal) {
      const unknown = error.code === 402 && error.args === ''
      const advice = unknown ? { advice: { reconnect: 'handshake', interval: 0 } } : {}
      return { successful: false, error: error.text, ...advice }
    }
    if (error instanceof LockstepError) {
      return { successful: false, error: errorText(error.http, error.code, error.message) }
    }
    this.#bayeux.parts.logger.error(
      `a Bayeux request failed: ${error instanceof Error ? error.stack : 'unknown'}`,
    )
    return { successful: false, error: '500::The server failed' }
  }

  async #refuse(error: unknown, reply: Reply, way: Way): Promise<string[]> {
    const refused: Reply = { ...reply, ...this.#refusal(error) }
    // Whoever connects asks again as soon as it is answered, unless it is told to wait.
    if (reply.channel === '/meta/connect')
      refused.advice ??= { reconnect: 'retry', interval: refusedIntervalMs }
    const passed = await this.#bayeux.extensions.passReply(refused, way.incoming)
    return passed === undefined ? [] : [JSON.stringify(passed)]
  }

  async #finish(answered: Reply, message: Message, receivedAt: number, way: Way): Promise<string[]> {
    const { runtime } = this.#bayeux.parts
    const times = message.channel.startsWith('/meta/')
      ? timesync(message.ext, receivedAt, runtime.now())
      : undefined
    const ext = own(answered, 'ext')
    const whole =
      times === undefined
        ? answered
        : { ...answered, ext: { ...(ext as Reply | undefined), timesync: times } } // ours
    const passed = await this.#bayeux.extensions.passReply(whole, way.incoming)
    return passed === undefined ? [] : [JSON.stringify(passed)]
  }
}

const metaChannels = ['handshake', 'connect', 'subscribe', 'unsubscribe', 'disconnect']

function isUnknownMeta(channel: string): boolean {
  return /^\/meta(?:\/|$)/.test(channel) && !metaChannels.includes(channel.slice('/meta/'.length))
}

function tooMany(): Refusal {
  return new Refusal(429, '', 'Too many requests')
}

/** @throws Refusal for what is no subscription, and for channels that nobody may subscribe to */
function patternsIn(message: Message): string[] {
  const subscription = own(message.fields, 'subscription')
  const list: readonly unknown[] = Array.isArray(subscription) ? subscription : [subscription]
  if (subscription === undefined || list.length === 0) {
    throw new Refusal(400, 'subscription', 'A subscription names its channels')
  }
  return list.map((pattern) => {
    if (typeof pattern !== 'string' || !(isChannel(pattern) || isGlob(pattern))) {
      throw new Refusal(405, '', 'This is not a channel')
    }
    if (/^\/(?:meta|service|\*\*?)(?:\/|$)/.test(pattern)) {
      throw new Refusal(403, pattern, 'Nobody subscribes to this channel')
    }
    return pattern
  })
}

/** An array of messages, of their texts. */
export function join(texts: readonly string[]): string {
  return `[${texts.join(',')}]`
}
