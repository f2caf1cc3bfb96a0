import { type Client, type ClientOptions, createClient } from '../src/index.ts'
import { ScriptedServer } from './scripted-server.ts'
import { VirtualRuntime } from './virtual-runtime.ts'

export interface Item {
  readonly id: number
  readonly title: string
}

export interface Sync {
  readonly $rows?: { readonly items: Item; readonly tasks: { readonly id: number; readonly hours: number } }
}

export interface Stage {
  readonly server: ScriptedServer
  readonly runtime: VirtualRuntime
  readonly errors: unknown[]
  /** A client that came with a page, or with a session only. */
  client(from: 'page' | 'session', options?: ClientOptions): Client<Sync>
  /** A client that came with a page and is live on channel `a`. */
  live(options?: ClientOptions): Client<Sync>
  /** Opens what the client is opening, and lets everything arrive. */
  connect(): void
}

/** A scripted server with two items in channel `a` and none in `b`, and clients in virtual time. */
export function stage(): Stage {
  const server = new ScriptedServer()
  const runtime = new VirtualRuntime()
  runtime.respond = server.respond
  server.commit({ a: { items: { create: { 1: { id: 1, title: 'one' }, 2: { id: 2, title: 'two' } } } } })
  const errors: unknown[] = []
  const connect = (): void => {
    server.connection.open()
    server.connection.arrive()
  }
  const client: Stage['client'] = (from, options = {}) =>
    createClient<Sync>(
      from === 'page'
        ? { page: server.page(['a']) }
        : { url: 'http://server/lockstep', session: { id: 's0', token: 't0' } },
      { runtime, transport: server.transport, onError: (error) => errors.push(error), ...options },
    )
  const live: Stage['live'] = (options) => {
    const made = client('page', options)
    connect()
    return made
  }
  return { server, runtime, errors, client, live, connect }
}
