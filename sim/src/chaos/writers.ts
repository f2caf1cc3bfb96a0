import { setTimeout as wait } from 'node:timers/promises'
import { guardTransactions } from '@lockstep/server/stages'
import postgres, { type Sql, type TransactionSql } from 'postgres'
import { Random } from '../random/random.ts'
import { type Account, type Change, commitBank, fillingCharsMax, truncateEntries } from './commit.ts'
import { rooms } from './opening.ts'

export interface WritersOptions {
  readonly url: string
  readonly seed: number
  /** Programs before this one, so that names of commits differ. */
  readonly number: number
  readonly writers: number
  /** Mean pause of a writer between two transactions. */
  readonly pauseMs: number
}

/** Longest a transaction is held open on purpose. */
const holdMsMax = 3_000

class RolledBack extends Error {}

/** Programs that write into the bank's tables beside the application: nobody asks them for a session or a key. */
export class Writers {
  commits = 0
  rollbacks = 0
  held = 0
  /** How often the database said no, by SQLSTATE or the driver's code. */
  readonly refusals: Record<string, number> = {}
  readonly #sql: Sql
  readonly #options: WritersOptions
  readonly #running: Promise<void>[] = []
  #stopped = false

  constructor(options: WritersOptions) {
    this.#options = options
    // The bare client would go on with a transaction after its connection is lost: on another connection, outside of any.
    this.#sql = guardTransactions(
      postgres(options.url, {
        max: options.writers,
        onnotice: () => {},
        connect_timeout: 5,
        connection: { application_name: 'chaos writers' },
      }),
    )
    for (let i = 0; i < options.writers; i++) this.#running.push(this.#run(i))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#running)
    await this.#sql.end({ timeout: 1 })
  }

  async #run(writer: number): Promise<void> {
    const { seed, number } = this.#options
    const random = Random.named(seed, `writer ${number} ${writer}`)
    for (let i = 0; !this.#stopped; i++) {
      await wait(random.below(2 * this.#options.pauseMs))
      try {
        await this.#write(random, `w${number}-${writer}-${i}`)
        this.commits++
      } catch (error) {
        if (error instanceof RolledBack) this.rollbacks++
        else {
          const code = codeOf(error)
          this.refusals[code] = (this.refusals[code] ?? 0) + 1
          await wait(100)
        }
      }
    }
  }

  #write(random: Random, commit: string): Promise<void> {
    if (random.chance(0.003)) return this.#sql.begin((tx) => truncateEntries(tx, commit)) as Promise<void>
    const kind = random.of(['within', 'within', 'between', 'between', 'move', 'split', 'close'] as const)
    const room = random.of(rooms)
    const other = kind === 'within' || kind === 'split' || kind === 'close' ? room : random.of(rooms)
    const notes = random.chance(0.3)
    const drawn = random.next()
    // Half of the commits leave memos as they are, a few make them long.
    const filling =
      drawn < 0.5 ? {} : { fillingChars: drawn < 0.95 ? 0 : 2 * random.below(fillingCharsMax / 2) }
    const rollsBack = random.chance(0.08)
    const holdMs = random.chance(0.02) ? random.below(holdMsMax) : 0
    return this.#sql.begin(async (tx) => {
      const { operation } = await commitBank(tx, {
        commit,
        rooms: [room, other],
        notes,
        ...filling,
        decide: (accounts, newId) => decide(kind, random, { room, other, accounts, newId }),
      })
      if (operation !== undefined) await tell(tx, operation)
      if (holdMs > 0) {
        this.held++
        await wait(holdMs)
      }
      if (rollsBack) throw new RolledBack()
    }) as Promise<void>
  }
}

async function tell(
  tx: TransactionSql,
  { n, rooms: where }: { readonly n: number; readonly rooms: readonly string[] },
): Promise<void> {
  const operations = where.map((room) => ({
    channel: `room/${room}`,
    operation: 'bank/note',
    envelope: { n },
  }))
  await tx`SELECT pg_logical_emit_message(true, 'lockstep', ${JSON.stringify({ operations })}::text)::text`
}

interface Ground {
  readonly room: string
  readonly other: string
  readonly accounts: readonly Account[]
  newId(): Promise<number>
}

/** Money is moved, never made: what comes out has the sum of what went in. */
async function decide(
  kind: 'within' | 'between' | 'move' | 'split' | 'close',
  random: Random,
  { room, other, accounts, newId }: Ground,
): Promise<Change> {
  const here = accounts.filter((account) => account.room === room)
  const there = accounts.filter((account) => account.room === other)
  const from = here.length === 0 ? undefined : random.of(here)
  if (from === undefined) return { after: [], closed: [] }
  const amount = random.below(20)
  if (kind === 'move') return { after: [{ ...from, room: other }], closed: [] }
  if (kind === 'split') {
    if (here.length >= accountsMax) return { after: [], closed: [] }
    const id = await newId()
    return {
      after: [
        { ...from, balance: from.balance - amount },
        { id, room, balance: amount },
      ],
      closed: [],
    }
  }
  const others = there.filter(({ id }) => id !== from.id)
  if (others.length === 0) return { after: [], closed: [] }
  const to = random.of(others)
  if (kind === 'close') {
    if (here.length <= accountsMin) return { after: [], closed: [] }
    return { after: [{ ...to, balance: to.balance + from.balance }], closed: [from] }
  }
  return {
    after: [
      { ...from, balance: from.balance - amount },
      { ...to, balance: to.balance + amount },
    ],
    closed: [],
  }
}

/** Accounts of a room: no more are opened, and no fewer are left by closing. */
const accountsMax = 8
const accountsMin = 2

function codeOf(error: unknown): string {
  const { code, name } = Object(error)
  return String(code ?? name)
}
