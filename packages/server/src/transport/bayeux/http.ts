import type { IncomingMessage, ServerResponse } from 'node:http'
import { LockstepError } from '@lockstep/protocol'
import { type Answers, join, type Way } from './answers.ts'
import type { Bayeux } from './bayeux.ts'
import { readBody } from './body.ts'
import { openStream } from './eventsource.ts'
import { Library } from './library.ts'
import { messagesOf } from './message.ts'

/** Letters of a callback's name, and how many. */
const callbackPattern = /^(?=.{1,64}$)[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*$/

/** Bayeux over HTTP: long-polling, cross-origin and callback polling, EventSource, and Faye's own client. */
export class BayeuxHttp {
  readonly #bayeux: Bayeux
  readonly #answers: Answers
  readonly #library = new Library()
  readonly #mount: string

  constructor(bayeux: Bayeux, answers: Answers, mount: string) {
    this.#bayeux = bayeux
    this.#answers = answers
    this.#mount = mount
  }

  /** Answers a request under the mount. Never rejects. */
  async request(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      await this.#route(incoming, outgoing)
    } catch (error) {
      this.#fail(error, outgoing)
    }
  }

  async #route(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const [path = '', query = ''] = splitOnce(incoming.url ?? '', '?')
    // Faye's own server has its client beside the mount as well: pages in the field ask for `/faye.js`.
    const rest = path === `${this.#mount}.js` ? 'client.js' : path.slice(this.#mount.length + 1)
    const isGet = incoming.method === 'GET' || incoming.method === 'HEAD'
    if (isGet && this.#library.has(rest)) return this.#library.answer(rest, incoming, outgoing)
    outgoing.setHeader('x-content-type-options', 'nosniff')
    outgoing.setHeader('cache-control', 'no-cache, no-store')
    const parameters = new URLSearchParams(query)
    if (isGet && parameters.has('message')) return this.#callback(incoming, outgoing, parameters)
    const isStream = incoming.method === 'GET' && /\btext\/event-stream\b/.test(incoming.headers.accept ?? '')
    // A page's stream from its own host names no origin. Nothing but the client id opens it, cookies do not.
    const mayCome = isStream && incoming.headers.origin === undefined
    if (!mayCome && !this.#bayeux.parts.isOriginAllowed(incoming)) throw new LockstepError('bad_origin')
    this.#allowOrigin(incoming, outgoing)
    if (incoming.method === 'OPTIONS') return preflight(outgoing)
    if (isStream) {
      return openStream(this.#bayeux, rest, incoming, outgoing)
    }
    if (incoming.method !== 'POST') {
      outgoing.setHeader('allow', 'GET, POST')
      throw new LockstepError('method_not_allowed')
    }
    const texts = await this.#textsOf(incoming)
    const replies = await this.#take(texts, incoming, outgoing, true)
    send(outgoing, 'application/json', join(replies))
  }

  /** Callback-polling: any page can ask this, so it never tells who asks. */
  async #callback(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    parameters: URLSearchParams,
  ): Promise<void> {
    if (this.#bayeux.options.jsonp !== true) throw new LockstepError('not_found')
    const callback = parameters.get('jsonp') ?? 'jsonpcallback'
    if (!callbackPattern.test(callback)) throw new LockstepError('bad_request', 'The callback is no name.')
    const replies = await this.#take(parameters.getAll('message'), incoming, outgoing, false)
    const text = join(replies).replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
    outgoing.setHeader('content-disposition', 'attachment; filename=f.txt')
    send(outgoing, 'text/javascript; charset=utf-8', `/**/${callback}(${text});`)
  }

  async #textsOf(incoming: IncomingMessage): Promise<string[]> {
    const type = (incoming.headers['content-type'] ?? 'text/plain').split(';', 1)[0]?.trim().toLowerCase()
    const isForm = type === 'application/x-www-form-urlencoded'
    // A page of anywhere can send plain text without asking first. Faye's cross-origin polling does.
    const isPlain = type === 'text/plain' && incoming.headers.cookie === undefined
    if (type !== 'application/json' && !isForm && !isPlain) throw new LockstepError('unsupported_media')
    const { limits, parts } = this.#bayeux
    const body = await readBody(incoming, limits, parts.runtime)
    return type === 'application/json' ? [body] : new URLSearchParams(body).getAll('message')
  }

  async #take(
    texts: readonly string[],
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    identifies: boolean,
  ): Promise<string[]> {
    const parsed = texts.map(messagesOf)
    const messages = parsed.flatMap((list) => list ?? [])
    if (messages.length === 0 || parsed.includes(undefined)) {
      throw new LockstepError('bad_request', 'The messages are no JSON objects.')
    }
    if (messages.length > this.#bayeux.limits.batchMax) throw new LockstepError('too_large')
    const way: Way = {
      incoming,
      identifies,
      outlet: undefined,
      alone: messages.length === 1,
      clients: new Set(),
    }
    outgoing.on('close', () => this.#closed(way, outgoing.writableFinished))
    return (await Promise.all(await this.#answers.take(messages, way))).flat()
  }

  /** A reply that did not get out is lost; a client that goes on by position starts anew for it. */
  #closed(way: Way, isSent: boolean): void {
    if (isSent) return
    for (const id of way.clients) {
      const client = this.#bayeux.find(id)
      client?.abandon(way.incoming, this.#bayeux.parts.runtime.now())
      if (client?.resumes === true) client.end()
    }
  }

  #allowOrigin(incoming: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.setHeader('vary', 'origin')
    const { origin } = incoming.headers
    if (origin === undefined || !this.#bayeux.parts.isOriginListed(origin)) return
    outgoing.setHeader('access-control-allow-origin', origin)
    outgoing.setHeader('access-control-allow-credentials', 'true')
  }

  #fail(error: unknown, outgoing: ServerResponse): void {
    const refusal = error instanceof LockstepError ? error : new LockstepError('internal')
    if (refusal !== error) {
      const text = error instanceof Error ? error.stack : 'unknown'
      this.#bayeux.parts.logger.error(`a Bayeux request failed: ${text}`)
    }
    if (outgoing.headersSent) return
    // What is left of the body is not read.
    outgoing.setHeader('connection', 'close')
    outgoing.writeHead(refusal.http, { 'content-type': 'application/json' })
    outgoing.end(JSON.stringify({ error: refusal }))
  }
}

function preflight(outgoing: ServerResponse): void {
  outgoing.writeHead(204, {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'accept, authorization, content-type, pragma, x-requested-with',
    'access-control-max-age': '600',
  })
  outgoing.end()
}

function send(outgoing: ServerResponse, type: string, text: string): void {
  outgoing.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(text) })
  outgoing.end(text)
}

function splitOnce(text: string, at: string): string[] {
  const index = text.indexOf(at)
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + 1)]
}
