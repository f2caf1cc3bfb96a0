import type { Socket } from 'node:net'

/** What is seen of bytes that leave a server. */
export interface OutgoingListener {
  now(): number
  /** Content of a room, for a session: rows, operations, locks, presence. */
  content(at: number, session: string, room: string, withMemo: boolean): void
  /** The session was told that it holds a lock. */
  granted(at: number, session: string, room: string, resource: string, token: number): void
  /** All subscribers of the room are told of locks that changed, or one of all that there are. */
  locks(at: number, session: string, text: string): void
}

/** Bytes of a socket that wait in this process, at the most so far. */
export interface Waiting {
  most: number
}

const messageStart = /\{"type":"([a-z_]+)",(?:"id":\d+,)?"channel":"room\/([^"]+)"/g
const welcome = /\{"type":"welcome","session":"([^"]+)"/
const pollReply = /^\{"connection":"([^"]+)"/
const streamName = /event: connection\ndata: (\S+)/
const locked = /\{"type":"locked","id":\d+,"channel":"room\/([^"]+)","resource":"([^"]+)","token":(\d+)\}/g

/** These name a room, and have nothing of what is in it. */
const empty = new Set(['subscribed', 'revoked', 'error', 'reset', 'live'])

/**
 * Looks at what a server process writes to its sockets, where it is written: kernels and proxies on the way may keep
 * bytes for long, and what they keep has left. A message is in one write, whatever carries it; bytes that still wait in
 * the process are looked at when they are handed to the kernel, since until then they can be taken back.
 */
export class Outgoing {
  /** Connection of a fallback to the session that it is of. */
  readonly #sessions = new Map<string, string>()
  readonly #listener: OutgoingListener
  readonly waiting: Waiting = { most: 0 }

  constructor(listener: OutgoingListener) {
    this.#listener = listener
  }

  watch(socket: Socket): void {
    let session: string | undefined
    const write = socket.write.bind(socket) as (...args: readonly unknown[]) => boolean
    const watched = (
      chunk: string | Uint8Array,
      ...rest: readonly (BufferEncoding | ((error?: Error) => void))[]
    ): boolean => {
      const text = typeof chunk === 'string' ? chunk : asBuffer(chunk).toString('utf8')
      const encoding = rest.find((each) => typeof each === 'string')
      const done = rest.find((each) => typeof each === 'function')
      // Before the write: whoever gets it may write down that it came before this process goes on.
      const at = this.#listener.now()
      session = this.#sessionOf(text) ?? session
      const of = session
      // A lock is given when the server says so, on its way or not.
      if (of !== undefined) this.#readLocks(at, of, text)
      let left = false
      const gone = write(chunk, encoding ?? 'utf8', (error?: Error) => {
        if (!left && !error && of !== undefined) this.#readContent(this.#listener.now(), of, text)
        // A stream calls back with null where all is well, which its types do not say.
        done?.(error)
      })
      if (socket.writableLength === 0 && !socket.destroyed) {
        left = true
        if (of !== undefined) this.#readContent(at, of, text)
      }
      this.waiting.most = Math.max(this.waiting.most, socket.writableLength)
      return gone
    }
    // All that writes to a socket, `http` and `ws` too, calls its method.
    socket.write = watched as typeof socket.write
  }

  #sessionOf(text: string): string | undefined {
    const connection = pollReply.exec(text)?.[1] ?? streamName.exec(text)?.[1]
    const session = welcome.exec(text)?.[1]
    if (connection !== undefined && session !== undefined) this.#sessions.set(connection, session)
    return session ?? (connection === undefined ? undefined : this.#sessions.get(connection))
  }

  #readLocks(at: number, session: string, text: string): void {
    for (const [, room = '', resource = '', token] of text.matchAll(locked))
      this.#listener.granted(at, session, room, resource, Number(token))
    for (const { type, message } of messagesIn(text))
      if (type === 'locks' || type === 'current_locks') this.#listener.locks(at, session, message)
  }

  #readContent(at: number, session: string, text: string): void {
    for (const { type, room, message } of messagesIn(text))
      if (!empty.has(type)) this.#listener.content(at, session, room, message.includes('"memo"'))
  }
}

/** Messages that name a room, each up to the next one. */
function messagesIn(text: string): { type: string; room: string; message: string }[] {
  const starts = [...text.matchAll(messageStart)]
  return starts.map(({ 1: type = '', 2: room = '', index }, i) => ({
    type,
    room,
    message: text.slice(index, starts[i + 1]?.index),
  }))
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
