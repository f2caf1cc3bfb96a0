import { readdirSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient, type WebSocketClass, webSocketTransport } from '@lockstep/client'
import { createSyncServer, type Limits } from '@lockstep/server'
import { WebSocket } from 'ws'
import { bank } from '../bank/bank.ts'
import { answerApplication } from './bank-server.ts'
import { RunClock } from './clock.ts'
import { LockBook } from './lock-book.ts'
import { rooms } from './opening.ts'
import { Outgoing } from './outgoing.ts'
import { Recorder } from './recorder.ts'
import { type Right, Rights } from './rights.ts'

/** What a server process is started with. */
export interface ServerConfig {
  readonly began: string
  readonly file: string
  readonly database: string
  readonly port: number
  readonly limits: Partial<Limits>
  readonly rights: Readonly<Record<string, Right>>
}

/** What its parent asks it. */
export type ServerOrder =
  | {
      readonly order: 'right'
      readonly id: number
      readonly user: string
      readonly room: string
      readonly right: Right
    }
  | { readonly order: 'facts'; readonly id: number }
  | { readonly order: 'stop' }

/** How a server process stands, after its garbage was collected. */
export interface ServerFacts {
  readonly heapBytes: number
  /** Open files of the process, sockets among them. */
  readonly files: number
  readonly sockets: number
  readonly sessions: number
  readonly connections: number
  readonly subscriptions: number
  readonly locks: number
  readonly logBytes: number
  readonly resets: number
  /** Of the one who listens in the process itself. */
  readonly monitor: string
  /** Room to resource to the session that holds it. */
  readonly held: Readonly<Record<string, Readonly<Record<string, string>>>>
}

const measureMs = 1_000
/** One message may be written to a socket that is not full yet. */
const messageBytesMax = 262_144

const config = JSON.parse(process.env['CHAOS'] ?? '{}') as ServerConfig // made by server.ts
const recorder = new Recorder(config.file, RunClock.of(config.began))
const rights = new Rights(config.rights)
const users = new Map<string, string>()
/** Rises with the rights of a user, so that what is sent after a change is recorded anew. */
const changes = new Map<string, number>()
const recorded = new Map<string, number>()
const locks = new LockBook(recorder)
let monitor = ''

const outgoing = new Outgoing({
  now: () => recorder.now(),
  content(at, session, room, withMemo) {
    const user = users.get(session)
    if (user === undefined || session === monitor) return
    const key = `${session} ${room} ${withMemo} ${changes.get(user) ?? 0}`
    if (at - (recorded.get(key) ?? Number.NEGATIVE_INFINITY) < measureMs) return
    recorded.set(key, at)
    recorder.record({ kind: 'sent', user, session, room, withMemo }, at)
  },
  granted: (at, session, room, resource, token) => locks.answered(at, session, room, resource, token),
  locks: (at, session, text) => session === monitor && locks.told(at, text),
})

const server = await createSyncServer({
  // Every other answer takes a moment, as where rights are looked up in a database, and may be old by then.
  sync: bank(async (user, room) => {
    const before = rights.get(user, room)
    if (Math.random() < 0.5) return before
    await wait(Math.random() * 5)
    return Math.random() < 0.5 ? before : rights.get(user, room)
  }),
  database: config.database,
  setup: 'apply',
  limits: config.limits,
  authenticate: (request) => {
    const user = request.headers.get('x-user')
    return user === null ? null : { id: user }
  },
  onSession: ({ session, user }) => {
    users.set(session, String(user.id))
  },
  showUser: ({ id }) => id,
  logger: { debug() {}, info() {}, warn() {}, error: (message) => console.error(message) },
})

const http = createServer(async (request, response) => {
  try {
    await send(response, await answerApplication(server, rights, request))
  } catch {
    response.destroy() // the request broke off
  }
})
http.on('connection', (socket) => outgoing.watch(socket))
server.attach(http)
http.listen(config.port, '127.0.0.1', () => {
  listenIn(config.port)
  process.send?.({ ready: true })
})
setInterval(measure, measureMs)

/** Rows, locks and presence of all rooms go to one who is never slow, and comes back whenever it was cut off. */
function listenIn(port: number): void {
  const begin = (): ReturnType<typeof server.issueSession> => {
    const session = server.issueSession({ id: 'monitor' })
    monitor = session.id
    return session
  }
  const client = createClient(
    { url: `http://127.0.0.1:${port}/lockstep`, session: begin() },
    {
      // Structurally a browser's WebSocket; only its event types differ in name.
      transport: webSocketTransport(WebSocket as unknown as WebSocketClass),
      renew: async () => begin(),
      onError: () => {},
    },
  )
  for (const room of rooms) client.channel(`room/${room}`)
}

async function send(to: ServerResponse, reply: Response | undefined): Promise<void> {
  if (reply === undefined) {
    to.writeHead(404).end()
    return
  }
  to.writeHead(reply.status, Object.fromEntries(reply.headers))
  to.end(Buffer.from(await reply.arrayBuffer()))
}

/** Windows that a snapshot is being cut from may grow beyond their bound, to four times as much, two of each room. */
function pinnedBytesMax({ logBytesMax = 0, transactionBytesMax = 0 }: Partial<Limits>): number {
  return 4 * logBytesMax * 2 * rooms.length + transactionBytesMax
}

function measure(): void {
  const { log, snapshots, locks: held } = server.status()
  const { limits } = config
  const sizes: readonly (readonly [string, 'bytes' | 'entries', number, number])[] = [
    ['log', 'bytes', log.bytes, (limits.logTotalBytesMax ?? 0) + pinnedBytesMax(limits)],
    ['snapshots', 'bytes', snapshots.bytes, limits.snapshotBytesMax ?? 0],
    ['outbox', 'bytes', outgoing.waiting.most, (limits.outboxBytesMax ?? 0) + messageBytesMax],
    ['locks', 'entries', held.held + held.waiting, limits.locksMax ?? 0],
    ['heap', 'bytes', process.memoryUsage().heapUsed, heapBytesMax],
  ]
  outgoing.waiting.most = 0
  for (const [what, unit, size, bound] of sizes)
    recorder.record({ kind: 'measured', where: 'server', what, unit, size, bound })
}

/** What a server of this size may never need. */
const heapBytesMax = 268_435_456

async function facts(): Promise<ServerFacts> {
  const { gc } = globalThis as { readonly gc?: () => void } // there with --expose-gc
  for (let i = 0; i < 3; i++) {
    gc?.()
    await wait(20)
  }
  const { sessions, connections, subscriptions, locks: held, log, resets } = server.status()
  const sockets = await new Promise<number>((resolve) => http.getConnections((_, count) => resolve(count)))
  return {
    heapBytes: process.memoryUsage().heapUsed,
    files: openFiles(),
    sockets,
    sessions,
    connections,
    subscriptions,
    locks: held.held,
    logBytes: log.bytes,
    resets,
    monitor,
    held: locks.all(),
  }
}

function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return 0 // a system that does not tell
  }
}

process.on('message', async (message) => {
  const asked = message as ServerOrder // from server.ts
  if (asked.order === 'right') {
    const { id, user, room, right } = asked
    rights.set(user, room, right)
    changes.set(user, (changes.get(user) ?? 0) + 1)
    await server.reauthorize(user)
    recorder.record({ kind: 'rights', user, room, audience: right, settled: true })
    changes.set(user, (changes.get(user) ?? 0) + 1)
    recorder.flush()
    process.send?.({ id })
  } else if (asked.order === 'facts') process.send?.({ id: asked.id, facts: await facts() })
  else {
    await server.close()
    locks.end()
    recorder.flush()
    process.exit()
  }
})
process.on('unhandledRejection', (error) => broken(error))
process.on('uncaughtException', (error) => {
  broken(error)
  process.exit(1)
})
// The parent is gone.
process.on('disconnect', () => process.exit())

function broken(error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  recorder.record({ kind: 'broken', of: 'server', message })
  recorder.flush()
}
