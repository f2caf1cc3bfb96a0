import type { WatchedLink } from './link.ts'

/** Sends a request of a native client that goes over plain HTTP; undefined: it is no such request. */
export type CarrierFetch = (...request: Parameters<typeof fetch>) => Promise<Response> | undefined

/**
 * Watches the native clients of a page that get no WebSocket and go over event streams and polls
 * (docs/protocol.md C1). Runs inside pages, as its own source text: it must use nothing from outside.
 */
export function watchCarriers(
  plainFetch: typeof fetch,
  watch: (send: (text: string) => void) => WatchedLink,
  links: Set<WatchedLink>,
): CarrierFetch {
  interface Connection {
    readonly link: WatchedLink
    /** What the server calls it, once it has said so. */
    name: string
    /** Texts that were handed to the client, and that it may still be reading. */
    handed: string[]
    end(): void
  }
  interface Body {
    readonly connection?: string
    readonly messages?: readonly { readonly type?: string }[]
  }
  const connections = new Map<string, Connection>()

  const begin = (url: string): Connection => {
    const link = watch((text) => {
      const body = `{"connection":${JSON.stringify(connection.name)},"messages":[${text}]}`
      const headers = { 'content-type': 'application/json' }
      // Where it fails the connection is at its end, and the client finds that out by itself.
      plainFetch(`${url}/messages`, { method: 'POST', headers, body, credentials: 'omit' }).catch(() => {})
    })
    const connection: Connection = {
      link,
      name: '',
      handed: [],
      end() {
        links.delete(link)
        connections.delete(connection.name)
        link.closed()
      },
    }
    links.add(link)
    return connection
  }
  const named = (connection: Connection, name: string): void => {
    connection.name = name
    connections.set(name, connection)
  }
  /** Whoever asks for more has had what came before. */
  const hadAll = ({ handed, link }: Connection): void => {
    for (const text of handed.splice(0)) link.came(text)
  }

  /** The reply as it comes, read along. */
  const stream = (connection: Connection, reply: Response): Response => {
    if (reply.status !== 200 || reply.body === null) {
      connection.end()
      return reply
    }
    const reader = reply.body.getReader()
    const decoder = new TextDecoder()
    let rest = ''
    const take = (event: string): void => {
      const fields = (name: string): string[] =>
        event
          .split('\n')
          .flatMap((line) => (line.startsWith(`${name}: `) ? [line.slice(name.length + 2)] : []))
      const data = fields('data').join('\n')
      if (fields('event')[0] === 'connection') named(connection, data)
      else if (fields('event').length === 0) connection.handed.push(data)
    }
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          hadAll(connection)
          try {
            const { done, value } = await reader.read()
            if (done) {
              connection.end()
              controller.close()
              return
            }
            const events = (rest + decoder.decode(value, { stream: true })).split('\n\n')
            rest = events.pop() ?? ''
            for (const event of events) take(event)
            controller.enqueue(value)
          } catch (error) {
            connection.end()
            controller.error(error)
          }
        },
        cancel(reason) {
          connection.end()
          return reader.cancel(reason)
        },
      },
      { highWaterMark: 0 },
    )
    return new Response(body, { status: reply.status, headers: reply.headers })
  }

  const poll = async (connection: Connection, reply: Response): Promise<Response> => {
    const text = await reply.clone().text()
    if (reply.status === 200) {
      const { connection: name, messages, close } = JSON.parse(text)
      if (connection.name === '') named(connection, name)
      connection.handed.push(...messages.map((message: object) => JSON.stringify(message)))
      if (close === undefined) return reply
    }
    connection.end()
    return reply
  }

  return (input, init) => {
    const [, url, kind] = /^([^?#]*)\/(events|poll|messages)$/.exec(String(input)) ?? []
    if (url === undefined || init?.method !== 'POST' || typeof init.body !== 'string') return undefined
    let asked: Body
    try {
      asked = Object(JSON.parse(init.body))
    } catch {
      return undefined
    }
    const { connection: name = '', messages } = asked
    // An application may have addresses of these names too: a connection begins with hello.
    const begins = kind !== 'messages' && name === '' && messages?.[0]?.type === 'hello'
    const connection = begins ? begin(url) : connections.get(name)
    if (connection === undefined) return undefined
    for (const message of messages ?? []) connection.link.sent(JSON.stringify(message))
    if (kind === 'poll') hadAll(connection)
    const reply = plainFetch(input, init)
    if (kind === 'messages') return reply
    return reply
      .then((got) => (kind === 'events' ? stream(connection, got) : poll(connection, got)))
      .catch((error: unknown) => {
        connection.end()
        throw error
      })
  }
}
