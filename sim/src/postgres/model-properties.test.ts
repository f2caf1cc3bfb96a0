import assert from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import { Random } from '../random/random.ts'
import { rooms } from './agreement/history.ts'
import { tables } from './agreement/operation.ts'
import { type Rows, replay, Side, sync, type Transactions } from './agreement/side.ts'
import { DatabaseError, type Row, type Transaction } from './database.ts'
import { PostgresModel } from './model.ts'
import { StepClock } from './step-clock.ts'

const writers = 4
const turns = 40
const seeds = 25

/** A world in which everything happens at once: writers, snapshots, faults. */
class World {
  readonly clock: StepClock
  readonly model: PostgresModel
  /** LSN of each commit, in order, and whether a writer has changed something in it. */
  readonly #commits: { readonly lsn: number; readonly isKnown: boolean }[] = []
  /** What all lives of the reader were told, by LSN. */
  readonly told = new Map<number, Transactions[number]>()
  /** What happened, for comparing runs. */
  readonly trace: string[] = []
  readonly counts = { snapshots: 0, behind: 0, commits: 0, errors: new Map<string, number>() }
  readonly #random: Random
  #side: Side
  #kill: () => void
  #life = 0
  #writing = true

  constructor(seed: number, firstXid?: number) {
    this.#random = Random.named(seed, 'world')
    this.clock = new StepClock(seed)
    this.model = new PostgresModel({
      clock: this.clock,
      seed,
      tables,
      ...(firstXid === undefined ? {} : { firstXid }),
    })
    this.model.onCommit(({ lsn, xid, note }) => {
      this.trace.push(`commit ${lsn} ${xid}`)
      this.#commits.push({ lsn, isKnown: note === true })
    })
    const { side, kill } = this.#newSide()
    this.#side = side
    this.#kill = kill
  }

  async run(withFaults: boolean): Promise<void> {
    await this.clock.until(this.#side.start())
    const writing = Promise.all(Array.from({ length: writers }, (_, i) => this.#write(i)))
    const snapshots = this.#snapshots()
    for (let turn = 0; turn < turns; turn++) {
      if (withFaults) await this.#fault()
      await this.clock.advance(this.#random.below(20))
    }
    this.#writing = false
    this.model.slowVisibility(0)
    await this.clock.until(Promise.all([writing, snapshots]))
    // Postgres may be down just now.
    await this.clock.advance(5_000)
    await this.clock.until(this.#side.source.barrier())
    this.#remember()
    assert.deepEqual([...this.told.keys()], this.#toBeTold(0, Number.POSITIVE_INFINITY))
    for (const name of ['items', 'notes', 'marks'])
      assert.deepEqual(this.#rows(name), this.#replayed(name), name)
    await this.clock.until(this.#side.source.close())
  }

  async #write(number: number): Promise<void> {
    const random = Random.named(number, `writer ${this.#random.below(1e6)}`)
    while (this.#writing) {
      try {
        await this.model.transaction(async (tx) => {
          for (let i = random.between(1, 4); i > 0; i--) await statement(random, tx)
        })
        this.counts.commits++
        await this.#pause(random.below(20))
      } catch (error) {
        if (!(error instanceof DatabaseError)) throw error
        this.counts.errors.set(error.code, (this.counts.errors.get(error.code) ?? 0) + 1)
        // Postgres may be down: try again later.
        await this.#pause(5)
      }
    }
  }

  async #snapshots(): Promise<void> {
    while (this.#writing) {
      const side = this.#side
      const room = this.#random.of(rooms)
      // A reader that was killed never answers.
      const snapshot = await Promise.race([
        side.snapshot(room),
        this.#pause(2_000).then(() => 'unavailable' as const),
      ])
      if (snapshot !== 'unavailable' && side === this.#side) {
        this.#remember()
        const expected = replay(this.#inOrder(), snapshot.lsn, room)
        assert.deepEqual(sorted(snapshot.rows), sorted(expected), 'a snapshot is what the stream leads to')
        this.counts.snapshots++
        this.trace.push(`snapshot ${snapshot.lsn} ${snapshot.rows.size}`)
      }
      await this.#pause(10)
    }
  }

  async #fault(): Promise<void> {
    const { model } = this
    const roll = this.#random.next()
    this.trace.push(`turn ${this.clock.now()} ${roll}`)
    if (roll < 0.04) model.crash(this.#random.below(200))
    else if (roll < 0.08) model.cut('a')
    else if (roll < 0.1) model.silence('a', this.#random.below(3_000))
    else if (roll < 0.14) model.stallStream(this.#random.below(300))
    else if (roll < 0.2) model.slowVisibility(this.#random.of([0, 0, 20, 200]))
    else if (roll < 0.22) void model.truncate(this.#random.of(['items', 'notes'])).catch(() => {})
    else if (roll < 0.24) void model.addColumn(this.#random.of(['items', 'notes']), 'extra').catch(() => {})
    else if (roll < 0.28) await this.#restart()
  }

  /** A new life at once; another one where it does not come up, as with a supervisor. */
  async #restart(): Promise<void> {
    this.#remember()
    for (let isUp = false; !isUp; ) {
      this.#kill()
      const { side, kill } = this.#newSide()
      this.#side = side
      this.#kill = kill
      const started = side.start().then(
        () => true,
        () => false,
      )
      isUp = await this.clock.until(started)
      if (!isUp) await this.clock.advance(20)
    }
  }

  #newSide(): { side: Side; kill: () => void } {
    const node = `life ${++this.#life}`
    const runtime = this.clock.process()
    const source = this.model.source({ node: 'a', runtime, sync })
    const kill = (): void => {
      source.kill()
      runtime.kill()
    }
    this.trace.push(node)
    return { side: new Side(source, this.model.reader({ node: 'a' }), runtime), kill }
  }

  #remember(): void {
    const list = this.#side.transactions
    for (const transaction of list) {
      const before = this.told.get(transaction.lsn)
      if (before === undefined) this.told.set(transaction.lsn, transaction)
      else assert.deepEqual(transaction, before, 'what is told again is what was told')
    }
    // A life begins anywhere, and from there on leaves nothing out.
    const lsns = list.map(({ lsn }) => lsn)
    assert.deepEqual(lsns, this.#toBeTold(lsns[0] ?? 0, lsns.at(-1) ?? 0))
  }

  /** Commits that must have been told, and those that may have been. */
  #toBeTold(from: number, to: number): readonly number[] {
    return this.#commits
      .filter(({ lsn, isKnown }) => lsn >= from && lsn <= to && (isKnown || this.told.has(lsn)))
      .map(({ lsn }) => lsn)
  }

  #inOrder(): Transactions {
    return [...this.told.values()].sort((a, b) => a.lsn - b.lsn)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(ms, resolve))
  }

  #rows(table: string): unknown {
    const collection = sync.collections.find(({ name }) => name === table)
    const rows = [...this.model.rows(table)].map(([key, row]) => {
      const values = collection?.columns.map((column) => JSON.stringify(row[column] ?? null))
      return [`${table}/${key}`, values] as const
    })
    return sorted(new Map(rows))
  }

  #replayed(table: string): unknown {
    const everything = replay(this.#inOrder(), Number.POSITIVE_INFINITY, undefined)
    return sorted([...everything].filter(([id]) => id.startsWith(`${table}/`)))
  }
}

async function statement(random: Random, tx: Transaction): Promise<void> {
  const table = random.of(['items', 'items', 'notes', 'marks'])
  const id = table === 'marks' ? random.of(['x', 'y', 'z']) : random.below(8)
  const key = String(id)
  const wrote = (did: boolean | undefined): void => {
    if (did !== false) tx.note(true)
  }
  const values: Row =
    table === 'marks' ? { flag: random.chance(0.5) } : { room: random.of(rooms), body: bodyOf(random) }
  const roll = random.next()
  if (roll < 0.3) await tx.insert(table, { id, ...values }).then(() => wrote(true))
  else if (roll < 0.65) wrote(await tx.update(table, key, values))
  else if (roll < 0.7 && table !== 'marks') wrote(await tx.update(table, key, { id: random.below(8) }))
  else if (roll < 0.8) wrote(await tx.delete(table, key))
  else if (roll < 0.87) await tx.lock(table, key)
  else if (roll < 0.92) await tx.emit('{}').then(() => wrote(true))
  else await tx.get(table, key)
}

function bodyOf(random: Random): string {
  return random.chance(0.3) ? 'x'.repeat(3_000) : `short ${random.below(9)}`
}

function sorted(rows: Rows | Iterable<readonly [string, unknown]>): unknown {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
}

async function run(seed: number, withFaults: boolean, firstXid?: number): Promise<World> {
  const world = new World(seed, firstXid)
  try {
    await world.run(withFaults)
  } catch (cause) {
    throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause })
  }
  return world
}

describe('the model of Postgres', () => {
  it('tells every commit once and in order, and lets snapshots be cut at any time', async () => {
    let snapshots = 0
    let deadlocks = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const { counts } = await run(seed, false)
      snapshots += counts.snapshots
      deadlocks += counts.errors.get('40P01') ?? 0
    }
    expect(snapshots).toBeGreaterThan(seeds)
    expect(deadlocks).toBeGreaterThan(0)
  })

  it('does so over crashes, cuts, stalls, restarts and slow visibility', async () => {
    let snapshots = 0
    const errors = new Map<string, number>()
    for (let seed = 1; seed <= seeds; seed++) {
      const { counts } = await run(seed, true)
      snapshots += counts.snapshots
      for (const [code, count] of counts.errors) errors.set(code, (errors.get(code) ?? 0) + count)
    }
    expect(snapshots).toBeGreaterThan(seeds)
    for (const code of ['40P01', '23505', '57P01']) expect(errors.get(code), code).toBeGreaterThan(0)
  })

  it('does so while xids begin anew', async () => {
    let around = 0
    for (let seed = 1; seed <= 20; seed++) {
      const { trace } = await run(seed, true, 0xffff_ffff - (seed % 7) * 5)
      const xids = trace.filter((line) => line.startsWith('commit')).map((line) => Number(line.split(' ')[2]))
      if (Math.min(...xids) < 1_000) around++
    }
    expect(around).toBeGreaterThan(10)
  })

  it('gives the same for the same seed', async () => {
    for (const seed of [3, 4]) expect((await run(seed, true)).trace).toEqual((await run(seed, true)).trace)
  })
})
