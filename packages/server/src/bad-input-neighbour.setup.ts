import { comparePositions, parsePosition, type ServerMessage, type WirePosition } from '@lockstep/protocol'
import { eventually } from '@lockstep/testing'
import type postgres from 'postgres'
import { expect } from 'vitest'
import { WebSocket } from 'ws'

/** A client that does everything right, and sees whether what it gets hangs together (G2, G4, G7). */
export class Neighbour {
  /** Reasons of the resets that it was told. */
  readonly resets: string[] = []
  /** Whether what happens now may begin its rows anew: only ever with a reason (G11). */
  mayBeReset = false
  readonly #socket: WebSocket
  readonly #sql: postgres.Sql
  readonly #table: 'items' | 'notes'
  readonly #titles: string[] = []
  readonly #faults: string[] = []
  /** Titles by key. */
  #rows = new Map<string, unknown>()
  #position: WirePosition | undefined
  #count = 0

  constructor(
    port: number,
    token: string,
    sql: postgres.Sql,
    table: 'items' | 'notes' = 'items',
    project = 1,
  ) {
    this.#sql = sql
    this.#table = table
    const channel = `${table === 'items' ? 'project' : 'notes'}/${project}`
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/lockstep`)
    this.#socket.on('open', () => {
      this.#socket.send(JSON.stringify({ type: 'hello', version: 1, token }))
      this.#socket.send(JSON.stringify({ type: 'subscribe', id: 1, channel }))
    })
    this.#socket.on('message', (data) => this.#take(JSON.parse(data.toString())))
    this.#socket.on('close', (code) => this.#faults.push(`closed with ${code}`))
    this.#socket.on('error', (error) => this.#faults.push(error.message))
  }

  async ready(): Promise<void> {
    await eventually(() => expect(this.#position).toBeDefined(), { timeoutMs: 30_000 })
  }

  /** Makes a change and waits for it: nothing before it may have been missed, repeated or reset. Gives its title. */
  async seesTheNextChange(): Promise<string> {
    const title = `change ${++this.#count}`
    // The database may be away, and the reply of a commit may be lost.
    await eventually(
      () => this.#sql`
        INSERT INTO ${this.#sql(this.#table)} (id, title, project_id)
        VALUES (${String(1_000_000 + this.#count)}, ${title}, 1) ON CONFLICT DO NOTHING`,
    )
    await eventually(
      () => {
        expect(this.#faults).toEqual([])
        if (this.mayBeReset) expect([...this.#rows.values()]).toContain(title)
        else expect(this.#titles).toContain(title)
      },
      { timeoutMs: 30_000 },
    )
    return title
  }

  /** Waits until it has the rows of the database, and no others (G1). */
  async hasTheRows(project = 1): Promise<void> {
    await eventually(
      async () => {
        expect(this.#faults).toEqual([])
        const rows = await this.#sql<{ id: string; title: string }[]>`
          SELECT id::text, title FROM ${this.#sql(this.#table)} WHERE project_id = ${project}`
        expect(new Map(this.#rows)).toEqual(new Map(rows.map(({ id, title }) => [id, title])))
      },
      { timeoutMs: 30_000, everyMs: 50 },
    )
  }

  /** How many rows it has. */
  get size(): number {
    return this.#rows.size
  }

  /** How many rows with this title were created before its eyes. */
  count(title: string): number {
    return this.#titles.filter((other) => other === title).length
  }

  end(): void {
    this.#socket.removeAllListeners('close')
    this.#socket.terminate()
  }

  #take(message: ServerMessage): void {
    if (message.type === 'live') this.#position = message.position
    if (message.type === 'reset') this.resets.push(message.reason)
    const isFault = message.type === 'error' || message.type === 'goodbye'
    if (isFault || (message.type === 'reset' && !this.mayBeReset)) this.#faults.push(JSON.stringify(message))
    if (message.type === 'reset') this.#position = undefined
    if (message.type === 'snapshot') {
      const { columns = [], rows = [] } = message.collections[this.#table] ?? {}
      const [key, title] = [columns.indexOf('id'), columns.indexOf('title')]
      this.#rows = new Map(rows.map((row) => [String(row[key]), row[title]]))
    }
    if (message.type !== 'transaction') return
    if (this.#position !== undefined) {
      if (order(message.prev, this.#position) > 0) this.#faults.push(`a hole before ${message.position}`)
      if (order(message.position, this.#position) <= 0) this.#faults.push(`${message.position} came again`)
      this.#position = message.position
    }
    const { create = {}, update = {}, destroy = [] } = message.changes[this.#table] ?? {}
    for (const [key, row] of Object.entries(create)) {
      this.#titles.push(String(row.title))
      this.#rows.set(key, row.title)
    }
    for (const [key, row] of Object.entries(update)) if ('title' in row) this.#rows.set(key, row.title)
    for (const key of destroy) this.#rows.delete(key)
  }
}

function order(a: WirePosition, b: WirePosition): number {
  const difference = comparePositions(parsePosition(a), parsePosition(b))
  if (difference === undefined) throw new Error(`${a} and ${b} are of two epochs`)
  return difference
}
