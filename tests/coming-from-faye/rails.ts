import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { type AddressInfo, connect } from 'node:net'
import { dirname } from 'node:path'

const require = createRequire(import.meta.url)
const root = new URL('../..', import.meta.url)
const examples = new URL('docs/examples/coming-from-faye/', root)
const packages = `<script type="importmap">{"imports": {
  "@lockstep/protocol": "/packages/protocol/dist/index.js",
  "@lockstep/client": "/packages/client/dist/index.js",
  "@lockstep/client/backbone": "/packages/client/dist/backbone/index.js"
}}</script>`

/** The application that stays: it has the pages and knows its users, and leads two addresses on to Lockstep. */
export interface Rails {
  readonly address: string
  /** Where Lockstep is. */
  lockstepPort: number
  close(): Promise<void>
}

export async function startRails(): Promise<Rails> {
  const http = createServer((incoming, outgoing) => {
    const path = incoming.url ?? '/'
    if (isLockstep(path)) {
      const { method, headers } = incoming
      const onward = request({ port: rails.lockstepPort, path, method, headers }, (reply) => {
        outgoing.writeHead(reply.statusCode ?? 500, reply.headers)
        reply.pipe(outgoing)
      })
      onward.on('error', () => outgoing.destroy())
      incoming.pipe(onward)
    } else answer(path, incoming, outgoing).catch(() => outgoing.writeHead(404).end())
  })
  http.on('upgrade', (incoming, socket, head) => {
    const onward = connect(rails.lockstepPort, '127.0.0.1')
    const headers = incoming.rawHeaders.flatMap((name, i, all) =>
      i % 2 === 0 ? [`${name}: ${all[i + 1]}`] : [],
    )
    onward.write(`GET ${incoming.url} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`)
    onward.write(head)
    onward.pipe(socket).pipe(onward)
    for (const side of [onward, socket]) {
      side.on('error', () => {
        onward.destroy()
        socket.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo // a server on a port has an address of this kind
  const rails: Rails = {
    address: `http://127.0.0.1:${port}`,
    lockstepPort: 0,
    close() {
      http.closeAllConnections()
      return new Promise((resolve) => http.close(() => resolve()))
    },
  }
  return rails
}

const isLockstep = (path: string): boolean => /^\/(faye|lockstep)(\/|\?|$)/.test(path)

async function answer(path: string, { headers }: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  if (path === '/whoami') {
    const user = /user=(\w+)/.exec(headers.cookie ?? '')?.[1]
    outgoing.writeHead(user === undefined ? 401 : 200, { 'content-type': 'application/json' })
    outgoing.end(user === undefined ? '' : JSON.stringify({ id: user, reads: user === 'eve' ? '' : 'todos' }))
    return
  }
  const file =
    path === '/'
      ? new URL('index.html', examples)
      : /^\/packages\/(client|protocol)\/dist\/[a-z/-]+\.js$/.test(path)
        ? new URL(`.${path}`, root)
        : path === '/backbone.js'
          ? require.resolve('backbone')
          : path === '/underscore.js'
            ? `${dirname(require.resolve('underscore/package.json'))}/underscore-umd.js`
            : new URL(`.${path}`, examples)
  const text = await readFile(file, 'utf8')
  outgoing.writeHead(200, { 'content-type': path === '/' ? 'text/html' : 'text/javascript' })
  outgoing.end(path === '/' ? text.replace('<ul>', `${packages}\n<ul>`) : text)
}
