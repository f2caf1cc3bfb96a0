import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ClientMessage, ServerMessage } from '@lockstep/protocol'
import { eventually, freePort } from '@lockstep/testing'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { verifyCallback } from './signature.ts'

export const callbackSecret = 'a-secret-that-signs-callbacks-to-a-backend'

/** One callback as the backend got it. */
export interface Call {
  readonly kind: string
  readonly method: string
  readonly session: string
  readonly number: number
  readonly attempt: number
  readonly facts: URLSearchParams
}

/** How the backend answers a call: at once, or when the promise resolves. */
export type Answer = { readonly status?: number; readonly body?: string; readonly type?: string } | undefined

/**
 * An application's backend: a real HTTP server that may be down. It keeps a state for each session, and leaves out
 * what is not above the last number that it had, as A3 asks of it.
 */
export class Application {
  readonly calls: Call[] = []
  readonly states = new Map<string, string>()
  answer: (call: Call) => Answer | Promise<Answer> = () => undefined
  port = 0
  refusedSignatures = 0
  readonly secrets: readonly string[]
  readonly #numbers = new Map<string, number>()
  #server: Server | undefined

  constructor(...secrets: string[]) {
    this.secrets = secrets.length === 0 ? [callbackSecret] : secrets
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/juggernaut`
  }

  async up(): Promise<void> {
    if (this.port === 0) this.port = await freePort()
    const server = createServer((request, response) => void this.#take(request, response))
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
  }

  async down(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    server?.closeAllConnections()
    await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
  }

  kinds(session: string): string[] {
    return this.calls.filter((call) => call.session === session).map(({ kind }) => kind)
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { method = '', url: target = '' } = request
    const header = (name: string): string | undefined => {
      const value = request.headers[name]
      return typeof value === 'string' ? value : undefined
    }
    if (!verifyCallback(this.secrets, { method, target, body }, header, Date.now())) {
      this.refusedSignatures++
      response.writeHead(401).end()
      return
    }
    const { pathname, searchParams } = new URL(target, this.url)
    const facts = method === 'GET' ? searchParams : new URLSearchParams(body)
    const call: Call = {
      kind: pathname.replace('/juggernaut/', ''),
      method,
      session: facts.get('session_id') ?? '',
      number: Number(facts.get('number')),
      attempt: Number(facts.get('attempt')),
      facts,
    }
    this.calls.push(call)
    const { status = 200, body: text = '', type = 'application/json' } = (await this.answer(call)) ?? {}
    // Only now, as a backend would that was slow: its work is done after newer calls came.
    if (status === 200 && call.number > (this.#numbers.get(call.session) ?? 0)) {
      this.#numbers.set(call.session, call.number)
      this.states.set(call.session, call.kind)
    }
    response.writeHead(status, { 'content-type': type }).end(text)
  }
}

/** A page of a session, that speaks the protocol by hand. */
export class Page {
  readonly inbox: ServerMessage[] = []
  readonly socket: WebSocket

  constructor(url: string, token: string) {
    this.socket = new WebSocket(url)
    this.socket.on('message', (data) => this.inbox.push(JSON.parse(data.toString())))
    this.socket.on('error', () => {})
    this.socket.on('open', () => this.send({ type: 'hello', version: 1, token }))
  }

  send(message: ClientMessage): void {
    this.socket.send(JSON.stringify(message))
  }

  async subscribe(channel: string, id = 1): Promise<ServerMessage> {
    await eventually(() => expect(this.inbox.some(({ type }) => type === 'welcome')).toBe(true))
    const from = this.inbox.length
    this.send({ type: 'subscribe', id, channel })
    return eventually(
      () => {
        const found = this.inbox.slice(from).find(({ type }) => type === 'live' || type === 'error')
        if (found === undefined) throw new Error(`neither live nor refused: ${JSON.stringify(this.inbox)}`)
        return found
      },
      { timeoutMs: 20_000 },
    ) as Promise<ServerMessage> // `eventually` takes `false` out of the type
  }

  leave(): void {
    this.socket.terminate()
  }
}

export function addressOf(server: Server): string {
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}/lockstep` // it listens on TCP
}
