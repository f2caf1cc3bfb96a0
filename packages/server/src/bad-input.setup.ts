import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ServerMessage } from '@lockstep/protocol'
import { createDatabase, eventually, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { expect } from 'vitest'
import { Neighbour } from './bad-input-neighbour.setup.ts'
import { defineSync } from './definition/define.ts'
import { answerNode } from './http/node.ts'
import type { Limits } from './limits.ts'
import { silentLogger } from './runtime/logger.ts'
import { createSyncServer, type SyncServer, type SyncServerOptions } from './server.ts'
import type { BayeuxOptions } from './transport/bayeux/bayeux.ts'

/**
 * A server under attack, and a healthy neighbour on it. That the process lives shows in the tests going on:
 * the server runs in theirs, and an exception that nobody catches fails the run.
 */
export interface Scene {
  readonly server: SyncServer
  readonly sql: postgres.Sql
  readonly port: number
  /** Of the database. */
  readonly url: string
  readonly secret: string
  readonly neighbour: Neighbour
  /** A connection that speaks bytes. */
  bytes(): RawSocket
  /** The same after the upgrade, and after `hello` where a user is named. */
  socket(user?: string): Promise<RawSocket>
  /** Bytes that wait in the server's sockets. */
  waitingBytes(): number
  /** Another healthy client. */
  watch(table: 'items' | 'notes', project?: number): Promise<Neighbour>
  /** Ends the connections, and waits until the memory is that of the beginning: nothing of all that came is kept. */
  forgetsAll(): Promise<void>
  close(): Promise<void>
}

const sync = defineSync({
  channels: {
    'project/:project': { authorize: ({ user, params }) => user.id === 'alice' || params.project === '1' },
    'notes/:project': { authorize: () => true },
    'hall/:hall': { authorize: ({ params }) => params.hall === '1', presence: true, broadcasts: true },
  },
  collections: {
    items: { table: 'items', channel: 'project/:project_id', columns: ['id', 'title', 'project_id'] },
    notes: { table: 'notes', channel: 'notes/:project_id', columns: ['id', 'title'] },
  },
})

const secret = 'a secret of more than thirty-two characters'

export async function startScene(
  options: {
    limits?: Partial<Limits>
    bayeux?: BayeuxOptions
    /** What else the server is made with. */
    server?: Partial<SyncServerOptions>
    /** Default: an empty one in the cluster of the run. */
    database?: TestDatabase
    /** Answers what is not the sync server's. */
    answer?: (request: Request, server: SyncServer) => Promise<Response>
  } = {},
): Promise<Scene> {
  const database = options.database ?? (await createDatabase())
  const sql = postgres(database.url, { max: 2, onnotice: () => {} })
  await sql`CREATE TABLE items (id int PRIMARY KEY, title text, project_id int NOT NULL, estimate int, data bytea)`
  await sql`CREATE TABLE notes (id text PRIMARY KEY, title text, project_id int NOT NULL)`
  await sql`ALTER TABLE items REPLICA IDENTITY FULL`
  await sql`ALTER TABLE notes REPLICA IDENTITY FULL`
  const server = await createSyncServer({
    sync,
    secret,
    database: database.url,
    slot: database.name,
    logger: silentLogger,
    authenticate: (request) => {
      const id = /user=(\w+)/.exec(request.headers.get('cookie') ?? '')?.[1]
      return id === undefined ? null : { id }
    },
    limits: options.limits ?? {},
    ...(options.bayeux === undefined ? {} : { bayeux: options.bayeux }),
    ...options.server,
  })
  const http = createServer((incoming, outgoing) => {
    const { answer } = options
    if (answer === undefined) outgoing.writeHead(404).end()
    else void answerNode(incoming, outgoing, (request) => answer(request, server), silentLogger)
  })
  const accepted = new Set<Socket>()
  http.on('connection', (socket: Socket) => {
    accepted.add(socket)
    socket.on('close', () => accepted.delete(socket))
  })
  server.attach(http)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo // a server on a port has an address of this kind
  const sockets: RawSocket[] = []
  const watching: Neighbour[] = []
  const watch: Scene['watch'] = async (table, project) => {
    const one = new Neighbour(port, server.issueSession({ id: 'alice' }).token, sql, table, project)
    watching.push(one)
    await one.ready()
    return one
  }
  const neighbour = await watch('items')
  const memory = heapMb()
  const bytes = (): RawSocket => {
    const socket = new RawSocket(port)
    sockets.push(socket)
    return socket
  }
  return {
    server,
    sql,
    port,
    url: database.url,
    secret,
    neighbour,
    watch,
    bytes,
    async socket(user) {
      const socket = bytes().write(upgradeRequest())
      expect(await socket.head()).toMatch(/^HTTP\/1.1 101 /)
      if (user !== undefined) {
        socket.say({ type: 'hello', version: 1, token: server.issueSession({ id: user }).token })
        await socket.next('welcome')
      }
      return socket
    },
    waitingBytes: () => [...accepted].reduce((sum, socket) => sum + socket.writableLength, 0),
    async forgetsAll() {
      for (const socket of sockets.splice(0)) socket.end()
      await eventually(() => expect(heapMb() - memory).toBeLessThan(keptMbMax), { everyMs: 100 })
    },
    async close() {
      for (const socket of sockets) socket.end()
      for (const one of watching) one.end()
      await server.close()
      http.closeAllConnections()
      http.close()
      await sql.end({ timeout: 1 })
      await database.drop()
    },
  }
}

/** The head of a request for a WebSocket; a header given replaces the usual one, undefined leaves it out. */
export function upgradeRequest(
  headers: Readonly<Record<string, string | undefined>> = {},
  line = 'GET /lockstep HTTP/1.1',
): string {
  const all = {
    Host: 'app.example',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'Sec-WebSocket-Version': '13',
    ...headers,
  }
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : `${name}: ${value}`,
  )
  return `${[line, ...lines].join('\r\n')}\r\n\r\n`
}

export interface FrameOptions {
  readonly fin?: boolean
  /** The three reserved bits, as 0x40, 0x20 and 0x10. */
  readonly reserved?: number
  readonly masked?: boolean
  /** The length that is written, where it is not the payload's. */
  readonly length?: bigint
}

/** A frame as a client sends it, right or wrong. @see RFC 6455, 5.2 */
export function frame(opcode: number, payload: string | Buffer = '', options: FrameOptions = {}): Buffer {
  const { fin = true, reserved = 0, masked = true } = options
  const data = Buffer.from(payload)
  const length = options.length ?? BigInt(data.length)
  const mask = masked ? Buffer.from([1, 2, 3, 4]) : Buffer.alloc(0)
  const size = length < 126n ? 0 : length < 65_536n ? 2 : 8
  const head = Buffer.alloc(2 + size)
  head[0] = (fin ? 0x80 : 0) | reserved | opcode
  head[1] = (masked ? 0x80 : 0) | (size === 0 ? Number(length) : size === 2 ? 126 : 127)
  if (size === 2) head.writeUInt16BE(Number(length), 2)
  if (size === 8) head.writeBigUInt64BE(length, 2)
  const body = masked ? data.map((byte, i) => byte ^ ((i & 3) + 1)) : data
  return Buffer.concat([head, mask, body])
}

/** A TCP connection that sends what it is told, and takes apart what comes back. */
export class RawSocket {
  readonly messages: ServerMessage[] = []
  /** What came back of pings, byte by byte. */
  readonly pongs: string[] = []
  /** 1005: the close came without one. */
  closeCode: number | undefined
  closed = false
  /** Frames that came after the one that closes, which none may. */
  afterClose = 0
  readonly #socket: Socket
  #head: string | undefined
  #rest: Buffer = Buffer.alloc(0)
  #read = 0

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1')
    this.#socket.on('data', (data) => this.#take(data))
    this.#socket.on('close', () => {
      this.closed = true
    })
    this.#socket.on('error', () => {}) // the server may hang up in the middle
  }

  write(...data: (string | Buffer)[]): this {
    for (const part of data) this.#socket.write(part)
    return this
  }

  /** Sends JSON, or text as it is, in text frames. */
  say(...messages: (object | string)[]): this {
    const text = (message: object | string) =>
      typeof message === 'string' ? message : JSON.stringify(message)
    return this.write(Buffer.concat(messages.map((message) => frame(1, text(message)))))
  }

  /** The head of the HTTP reply. */
  head(): Promise<string> {
    return eventually(() => {
      if (this.#head === undefined) throw new Error(`no whole head: ${this.#rest.toString('latin1')}`)
      return this.#head
    })
  }

  /** The whole HTTP reply of a connection that the server ends. */
  async reply(): Promise<{ status: number; head: string; body: string }> {
    await eventually(() => expect(this.closed).toBe(true))
    const head = await this.head()
    return { status: Number(head.split(' ', 2)[1]), head, body: this.#rest.toString() }
  }

  /** The code with which the server closes the WebSocket. */
  code(): Promise<number> {
    return eventually(() => {
      if (this.closeCode === undefined) throw new Error(this.closed ? 'ended without a word' : 'still open')
      return this.closeCode
    })
  }

  /** The next message of a type that was not read yet; those before it are passed over. */
  next<T extends ServerMessage['type']>(type: T): Promise<Extract<ServerMessage, { type: T }>> {
    return eventually(() => {
      const index = this.messages.findIndex((message, i) => i >= this.#read && message.type === type)
      const message = this.messages[index]
      if (message === undefined) throw new Error(`no ${type}, closed with ${this.closeCode}`)
      this.#read = index + 1
      // The type was compared just above.
      return message as Extract<ServerMessage, { type: T }>
    })
  }

  stopReading(): void {
    this.#socket.pause()
  }

  goOnReading(): void {
    this.#socket.resume()
  }

  /** Ends the connection without a word. */
  end(): void {
    this.#socket.destroy()
  }

  reset(): void {
    this.#socket.resetAndDestroy()
  }

  #take(data: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, data])
    if (this.#head === undefined) {
      const end = this.#rest.indexOf('\r\n\r\n')
      if (end < 0) return
      this.#head = this.#rest.toString('latin1', 0, end)
      this.#rest = this.#rest.subarray(end + 4)
    }
    if (this.#head.startsWith('HTTP/1.1 101 ')) while (this.#takeFrame());
  }

  #takeFrame(): boolean {
    const rest = this.#rest
    const small = (rest[1] ?? 0) & 0x7f
    const start = small === 126 ? 4 : small === 127 ? 10 : 2
    if (rest.length < start) return false
    const length =
      small === 126 ? rest.readUInt16BE(2) : small === 127 ? Number(rest.readBigUInt64BE(2)) : small
    if (rest.length < start + length) return false
    const payload = rest.subarray(start, start + length)
    const opcode = (rest[0] ?? 0) & 0x0f
    if (this.closeCode !== undefined) this.afterClose++
    if (opcode === 1) this.messages.push(JSON.parse(payload.toString()))
    if (opcode === 8) this.closeCode = length < 2 ? 1005 : payload.readUInt16BE(0)
    if (opcode === 10) this.pongs.push(payload.toString('latin1'))
    this.#rest = rest.subarray(start + length)
    return true
  }
}

/** Code that was compiled meanwhile, what tests keep of themselves, and the log of a minute. */
const keptMbMax = 16

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** Bytes that are in use after the garbage has been collected, in MB. */
export function heapMb(): number {
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / 1_048_576
}

/** Runs an attack and waits until the memory that it took is free again. */
export async function givesBackMemory(attack: () => Promise<unknown>): Promise<void> {
  const before = heapMb()
  await attack()
  await eventually(() => expect(heapMb()).toBeLessThan(before + 8), { everyMs: 50 })
}
