import { announcementText } from '@lockstep/server/stages'
import type { Commit } from '../history/history.ts'
import type { Database, Row, Transaction } from '../postgres/database.ts'
import { entriesMax } from './bank.ts'

/** What a commit does. */
export type Posting =
  | { readonly kind: 'transfer'; readonly from: number; readonly to: number; readonly amount: number }
  | { readonly kind: 'move'; readonly account: number; readonly room: string }
  | { readonly kind: 'open'; readonly account: number; readonly room: string }
  /** What it holds goes to another account. */
  | { readonly kind: 'close'; readonly account: number; readonly into: number }
  | { readonly kind: 'count'; readonly room: string; readonly counter: string }
  /** Tells an operation in these rooms. */
  | { readonly kind: 'note'; readonly rooms: readonly string[] }
  /** Changes nothing that anybody sees. */
  | { readonly kind: 'nothing' }
  /** Is begun, and then refused by the application. */
  | { readonly kind: 'refused'; readonly from: number; readonly to: number }

/** The application says no: nothing is kept of it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}

/** Who writes, as the writer's message in the WAL says it. */
export interface Author {
  readonly session?: string | undefined
  readonly mutation?: string | undefined
  readonly request?: string | undefined
}

export type Note = Omit<Commit, 'kind' | 'at'>

/** A room and its accounts at the beginning. */
export type Rooms = Readonly<Record<string, Readonly<Record<string, number>>>>

export const counterOf = (room: string): string => `clicks-${room}`

/** The bank's books: each posting is one transaction, and keeps the rules of `bank.ts`. */
export class Books {
  readonly #database: Database
  #commits = 0

  constructor(database: Database) {
    this.#database = database
  }

  /** The first rows, which are no commit of the history. */
  async begin(rooms: Rooms): Promise<void> {
    await this.#database.transaction(async (tx) => {
      for (const [room, accounts] of Object.entries(rooms)) {
        await tx.insert('rooms', { id: room, version: 0 })
        await tx.insert('counters', { id: counterOf(room), room, n: 0 })
        for (const [id, balance] of Object.entries(accounts)) {
          await tx.insert('accounts', { id: Number(id), room, balance, memo: memoOf(room, 0) })
        }
      }
      await tx.insert('numbers', { id: 'note', n: 0 })
      tx.note('begin')
    })
  }

  /**
   * One posting in a transaction; `around` runs in it first, and what it returns ends it without the posting.
   * @throws Refusal, DatabaseError
   */
  async post(
    posting: Posting,
    author: Author = {},
    around: {
      readonly before?: (tx: Transaction) => Promise<void>
      readonly after?: (tx: Transaction, n: number | undefined) => Promise<void>
    } = {},
  ): Promise<number | undefined> {
    const commit = `c${++this.#commits}`
    return this.#database.transaction(async (tx) => {
      await around.before?.(tx)
      const entry = new Posted(tx, commit)
      const n = await entry.run(posting)
      const operation = posting.kind === 'note' ? await number(tx) : undefined
      const note = await entry.finish()
      const rooms = posting.kind === 'note' ? posting.rooms : []
      await around.after?.(tx, n)
      const text = announcementText({
        ...author,
        operations: rooms.map((room) => ({
          channel: `room/${room}`,
          operation: 'bank/note',
          envelope: { n: operation ?? 0 },
        })),
      })
      if (text !== undefined) await tx.emit(text)
      tx.note({
        ...note,
        ...(author.mutation === undefined ? {} : { write: author.mutation }),
        ...(author.request === undefined ? {} : { request: author.request }),
        ...(author.session === undefined ? {} : { session: author.session }),
        ...(operation === undefined ? {} : { operation: { n: operation, rooms } }),
      } satisfies Note)
      return n
    })
  }
}

/** One posting under way: gathers what it does to each room. */
class Posted {
  readonly #tx: Transaction
  readonly #commit: string
  readonly #rooms = new Map<string, Map<string, number | null>>()
  #counter: Note['counter']

  constructor(tx: Transaction, commit: string) {
    this.#tx = tx
    this.#commit = commit
  }

  /** Returns what the counter stands at, where one was raised. */
  async run(posting: Posting): Promise<number | undefined> {
    switch (posting.kind) {
      case 'transfer':
        await this.#transfer(posting.from, posting.to, posting.amount)
        return undefined
      case 'refused':
        await this.#transfer(posting.from, posting.to, 1)
        throw new Refusal('The bank says no.')
      case 'move':
        return this.#move(posting.account, posting.room)
      case 'open':
        return this.#open(posting.account, posting.room)
      case 'close':
        return this.#close(posting.account, posting.into)
      case 'count':
        return this.#count(posting.room, posting.counter)
      case 'note':
        for (const room of posting.rooms) this.#of(room)
        return undefined
      case 'nothing':
        return undefined
    }
  }

  /** Raises the version of each room that was touched, and keeps its entries. */
  async finish(): Promise<Note> {
    const tx = this.#tx
    const rooms: Record<string, { version: number; accounts: Record<string, number | null> }> = {}
    for (const room of [...this.#rooms.keys()].sort()) {
      const accounts = Object.fromEntries(this.#rooms.get(room) ?? [])
      const row = await tx.lock('rooms', room)
      if (row === undefined) throw new Refusal(`There is no room ${room}.`)
      const version = Number(row['version']) + 1
      await tx.update('rooms', room, { version })
      await tx.insert('entries', { id: `${room}-${version}`, room, version, commit: this.#commit, accounts })
      const old = `${room}-${version - entriesMax}`
      if ((await tx.get('entries', old)) !== undefined) await tx.delete('entries', old)
      for (const [id, balance] of Object.entries(accounts)) {
        if (balance !== null) await tx.update('accounts', id, { memo: memoOf(room, version) })
      }
      rooms[room] = { version, accounts }
    }
    return {
      commit: this.#commit,
      rooms,
      ...(this.#counter === undefined ? {} : { counter: this.#counter }),
    }
  }

  async #transfer(from: number, to: number, amount: number): Promise<void> {
    const accounts = await this.#lock([from, to])
    const [a, b] = [accounts.get(from), accounts.get(to)]
    if (a === undefined || b === undefined || from === to) throw new Refusal('There is no such account.')
    await this.#set(a, from, Number(a['balance']) - amount)
    await this.#set(b, to, Number(b['balance']) + amount)
  }

  async #move(account: number, room: string): Promise<undefined> {
    const row = (await this.#lock([account])).get(account)
    if (row === undefined) throw new Refusal('There is no such account.')
    const before = String(row['room'])
    if (before === room) throw new Refusal('It is there already.')
    await this.#tx.update('accounts', String(account), { room })
    this.#of(before).set(String(account), null)
    this.#of(room).set(String(account), Number(row['balance']))
  }

  async #open(account: number, room: string): Promise<undefined> {
    if ((await this.#lock([account])).has(account)) throw new Refusal('It is open already.')
    await this.#tx.insert('accounts', { id: account, room, balance: 0, memo: '' })
    this.#of(room).set(String(account), 0)
  }

  async #close(account: number, into: number): Promise<undefined> {
    const accounts = await this.#lock([account, into])
    const [closed, heir] = [accounts.get(account), accounts.get(into)]
    if (closed === undefined || heir === undefined || account === into) throw new Refusal('No such account.')
    await this.#set(heir, into, Number(heir['balance']) + Number(closed['balance']))
    await this.#tx.delete('accounts', String(account))
    this.#of(String(closed['room'])).set(String(account), null)
  }

  async #count(room: string, counter: string): Promise<number> {
    const row = await this.#tx.lock('counters', counter)
    const n = Number(row?.['n'] ?? 0) + 1
    if (row === undefined) await this.#tx.insert('counters', { id: counter, room, n })
    else await this.#tx.update('counters', counter, { n })
    this.#of(room)
    this.#counter = { id: counter, room, n }
    return n
  }

  async #set(row: Row, account: number, balance: number): Promise<void> {
    await this.#tx.update('accounts', String(account), { balance })
    this.#of(String(row['room'])).set(String(account), balance)
  }

  /** In the order of the posting: two that meet may be in each other's way, and one is then run again. */
  async #lock(accounts: readonly number[]): Promise<Map<number, Row>> {
    const rows = new Map<number, Row>()
    for (const account of accounts) {
      const row = await this.#tx.lock('accounts', String(account))
      if (row !== undefined) rows.set(account, row)
    }
    return rows
  }

  #of(room: string): Map<string, number | null> {
    const found = this.#rooms.get(room) ?? new Map<string, number | null>()
    this.#rooms.set(room, found)
    return found
  }
}

/** Rises in commit order: its row is locked until the commit. */
async function number(tx: Transaction): Promise<number> {
  const row = await tx.lock('numbers', 'note')
  const n = Number(row?.['n'] ?? 0) + 1
  await tx.update('numbers', 'note', { n })
  return n
}

const memoOf = (room: string, version: number): string => `secret-${room}-${version}`
