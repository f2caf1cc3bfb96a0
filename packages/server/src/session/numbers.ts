import type { Sql } from 'postgres'
import type { Logger } from '../runtime/logger.ts'
import { type Block, Rising } from '../runtime/rising.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import { type OwnTable, withTable } from '../setup/own-table.ts'

/** Up to where numbers of locks and of sessions' events have been given out, or may have been. */
const numbersTable: OwnTable = {
  name: 'lockstep.numbers',
  create: ['CREATE TABLE lockstep.numbers (name text PRIMARY KEY, reserved bigint NOT NULL)'],
}

/** Numbers that are reserved at a time. They rise by one per ms at least: a day's. */
const blockSize = 86_400_000
/** Time between two looks at how many are left, in ms. */
const lookMs = 60_000

/**
 * Numbers that rise over restarts whatever the clock does: the database keeps up to where they are reserved, and a
 * server begins beyond that. Costs a statement per half a day, or per 43,200,000 numbers. @see docs/protocol.md K4
 */
export class ReservedNumbers {
  readonly rising: Rising = new Rising()
  /** All numbers from here on are at least this. */
  readonly first: number
  readonly #sql: Sql
  readonly #runtime: Runtime
  readonly #logger: Logger
  #timer: Timer | undefined
  #asking = false
  #closed = false

  private constructor(sql: Sql, block: Block, runtime: Runtime, logger: Logger) {
    this.first = block.from
    this.rising.reserved(block)
    this.#sql = sql
    this.#runtime = runtime
    this.#logger = logger
  }

  /** @throws where the database does not answer, or the table is not there and cannot be made */
  static async open(sql: Sql, runtime: Runtime, logger: Logger): Promise<ReservedNumbers> {
    const block = await withTable(sql, numbersTable, (transaction) => reserve(transaction, runtime.now()))
    const numbers = new ReservedNumbers(sql, block, runtime, logger)
    numbers.#lookLater()
    return numbers
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #lookLater(): void {
    if (this.#closed) return
    this.#timer = this.#runtime.timer(lookMs, () => {
      this.#lookLater()
      void this.#look()
    })
  }

  async #look(): Promise<void> {
    const now = this.#runtime.now()
    if (this.#asking || this.rising.left(now) >= blockSize / 2) return
    this.#asking = true
    try {
      this.rising.reserved(await reserve(this.#sql, now))
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
      this.#logger.warn(`no numbers could be reserved, which will be tried again: ${code}`)
    } finally {
      this.#asking = false
    }
  }
}

/** Makes the table of reserved numbers where it is missing. */
export async function prepareNumbers(sql: Sql): Promise<void> {
  await withTable(sql, numbersTable, () => Promise.resolve())
}

/** In one statement, so that servers on one database get blocks of their own. */
async function reserve(sql: Pick<Sql, 'unsafe'>, now: number): Promise<Block> {
  const [row] = await sql.unsafe<{ reserved: string }[]>(
    `INSERT INTO lockstep.numbers AS known (name, reserved) VALUES ('rising', $1::bigint + $2::bigint)
     ON CONFLICT (name) DO UPDATE SET reserved = greatest(known.reserved, $1::bigint) + $2::bigint
     RETURNING reserved::text`,
    [String(now), String(blockSize)],
  )
  if (row === undefined) throw new Error('nothing was reserved')
  return { from: Number(row.reserved) - blockSize, to: Number(row.reserved) }
}
