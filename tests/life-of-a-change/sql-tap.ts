import { connect, createServer, type Socket } from 'node:net'

/** One statement as it was sent to Postgres, with its parameters. */
export interface Statement {
  readonly text: string
  readonly values: readonly (string | null)[]
}

/** Stands between a program and its Postgres, and reads along. */
export interface SqlTap {
  /** The same database, through the tap. */
  readonly url: string
  /** Statements of each transaction that was committed so far, BEGIN and COMMIT among them. */
  readonly transactions: readonly (readonly Statement[])[]
  close(): Promise<void>
}

export async function sqlTap(databaseUrl: string): Promise<SqlTap> {
  const target = new URL(databaseUrl)
  const transactions: (readonly Statement[])[] = []
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const database = connect({ host: target.hostname, port: Number(target.port) })
    const reader = new StatementReader((statements) => transactions.push(statements))
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => to.write(bytes))
      from.on('close', () => to.destroy())
      from.on('error', () => to.destroy())
    }
    client.on('data', (bytes) => reader.push(bytes))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The tap has no port.')
  const url = new URL(databaseUrl)
  url.port = String(address.port)
  return {
    url: url.href,
    transactions,
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

/**
 * Reads the frontend's half of Postgres' protocol.
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
class StatementReader {
  readonly #committed: (statements: readonly Statement[]) => void
  readonly #prepared = new Map<string, string>()
  #waiting: Buffer = Buffer.alloc(0)
  #started = false
  #open: Statement[] | undefined

  constructor(committed: (statements: readonly Statement[]) => void) {
    this.#committed = committed
  }

  push(bytes: Buffer): void {
    this.#waiting = Buffer.concat([this.#waiting, bytes])
    for (;;) {
      // The first message has no letter.
      const at = this.#started ? 1 : 0
      if (this.#waiting.length < at + 4) return
      const end = at + this.#waiting.readUInt32BE(at)
      if (this.#waiting.length < end) return
      const letter = this.#started ? String.fromCharCode(this.#waiting[0] ?? 0) : ''
      this.#take(letter, this.#waiting.subarray(at + 4, end))
      this.#waiting = this.#waiting.subarray(end)
      this.#started = true
    }
  }

  #take(letter: string, body: Buffer): void {
    if (letter === 'Q') this.#ran({ text: body.toString('utf8', 0, body.length - 1), values: [] })
    else if (letter === 'P') {
      const [name = '', text = ''] = body.toString('utf8').split('\0')
      this.#prepared.set(name, text)
    } else if (letter === 'B') {
      const portalEnd = body.indexOf(0)
      const nameEnd = body.indexOf(0, portalEnd + 1)
      const name = body.toString('utf8', portalEnd + 1, nameEnd)
      let at = nameEnd + 1
      at += 2 + 2 * body.readUInt16BE(at) // formats
      const count = body.readUInt16BE(at)
      at += 2
      const values: (string | null)[] = []
      for (let i = 0; i < count; i++) {
        const length = body.readInt32BE(at)
        at += 4
        values.push(length < 0 ? null : body.toString('utf8', at, at + length))
        at += Math.max(0, length)
      }
      this.#ran({ text: this.#prepared.get(name) ?? '', values })
    }
  }

  #ran(statement: Statement): void {
    if (/^begin/i.test(statement.text.trim())) this.#open = []
    this.#open?.push(statement)
    if (!/^(commit|rollback)/i.test(statement.text.trim())) return
    if (this.#open !== undefined && /^commit/i.test(statement.text.trim())) this.#committed(this.#open)
    this.#open = undefined
  }
}
