import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { comparePositions, parsePosition, type ServerMessage, type WirePosition } from '@lockstep/protocol'
import { createDatabase, eventually } from '@lockstep/testing'
import postgres from 'postgres'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
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
  readonly secret: string
  readonly neighbour: Neighbour
  /** A connection that speaks bytes. */
  bytes(): RawSocket
  /** The same after the upgrade, and after `hello` where a user is named. */
  socket(user?: string): Promise<RawSocket>
  /** Bytes that wait in the server's sockets. */
  waitingBytes(): number
  close(): Promise<void>
}

const sync = defineSync({
  channels: {
    'project/:project': { authorize: ({ user, params }) => user.id === 'alice' || params.project === '1' },
    'hall/:hall': { authorize: ({ params }) => params.hall === '1', presence: true, broadcasts: true },
  },
  collections: {
    items: { table: 'items', channel: 'project/:project_id', columns: ['id', 'title', 'project_id'] },
  },
})

const secret = 'a secret of more than thirty-two characters'

export async function startScene(
  options: {
    limits?: Partial<Limits>
    bayeux?: BayeuxOptions
    /** What else the server is made with. */
    server?: Partial<SyncServerOptions>
    /** Answers what is not the sync server's. */
    answer?: (request: Request, server: SyncServer) => Promise<Response>
  } = {},
): Promise<Scene> {
  const database = await createDatabase()
  const sql = postgres(database.url, { max: 2, onnotice: () => {} })
  await sql`CREATE TABLE items (id int PRIMARY KEY, title text, project_id int NOT NULL, estimate int, data bytea)`
  await sql`ALTER TABLE items REPLICA IDENTITY FULL`
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
  const neighbour = new Neighbour(port, server.issueSession({ id: 'neighbour' }).token, sql)
  await neighbour.ready()
  const bytes = (): RawSocket => {
    const socket = new RawSocket(port)
    sockets.push(socket)
    return socket
  }
  return {
    server,
    sql,
    port,
    secret,
    neighbour,
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
    async close() {
      for (const socket of sockets) socket.end()
      neighbour.end()
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

/** A client that does everything right, and sees whether what it gets hangs together (G2, G4, G7). */
export class Neighbour {
  readonly #socket: WebSocket
  readonly #sql: postgres.Sql
  readonly #titles: string[] = []
  readonly #faults: string[] = []
  #position: WirePosition | undefined
  #count = 0

  constructor(port: number, token: string, sql: postgres.Sql) {
    this.#sql = sql
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/lockstep`)
    this.#socket.on('open', () => {
      this.#socket.send(JSON.stringify({ type: 'hello', version: 1, token }))
      this.#socket.send(JSON.stringify({ type: 'subscribe', id: 1, channel: 'project/1' }))
    })
    this.#socket.on('message', (data) => this.#take(JSON.parse(data.toString())))
    this.#socket.on('close', (code) => this.#faults.push(`closed with ${code}`))
    this.#socket.on('error', (error) => this.#faults.push(error.message))
  }

  async ready(): Promise<void> {
    await eventually(() => expect(this.#position).toBeDefined())
  }

  /** Makes a change and waits for it: nothing before it may have been missed, repeated or reset. Gives its title. */
  async seesTheNextChange(): Promise<string> {
    const title = `change ${++this.#count}`
    await this
      .#sql`INSERT INTO items (id, title, project_id) VALUES (${1_000_000 + this.#count}, ${title}, 1)`
    await eventually(() => {
      expect(this.#faults).toEqual([])
      expect(this.#titles).toContain(title)
    })
    return title
  }

  /** How many rows with this title were created before its eyes. */
  count(title: string): number {
    return this.#titles.filter((other) => other === title).length
  }

  end(): void {
    this.#socket.terminate()
  }

  #take(message: ServerMessage): void {
    if (message.type === 'live') this.#position = message.position
    if (message.type === 'reset' || message.type === 'error' || message.type === 'goodbye') {
      this.#faults.push(JSON.stringify(message))
    }
    if (message.type !== 'transaction') return
    if (this.#position !== undefined) {
      if (order(message.prev, this.#position) > 0) this.#faults.push(`a hole before ${message.position}`)
      if (order(message.position, this.#position) <= 0) this.#faults.push(`${message.position} came again`)
    }
    this.#position = message.position
    for (const row of Object.values(message.changes.items?.create ?? {})) this.#titles.push(String(row.title))
  }
}

function order(a: WirePosition, b: WirePosition): number {
  const difference = comparePositions(parsePosition(a), parsePosition(b))
  if (difference === undefined) throw new Error(`${a} and ${b} are of two epochs`)
  return difference
}

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
