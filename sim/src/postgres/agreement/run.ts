import assert from 'node:assert/strict'
import { Random } from '../../random/random.ts'
import { PostgresModel } from '../model.ts'
import { StepClock } from '../step-clock.ts'
import { noTime } from '../timing.ts'
import { nextStep, rooms, type Step } from './history.ts'
import { ModelSession } from './model-session.ts'
import { tables } from './operation.ts'
import type { RealPostgres } from './real-postgres.ts'
import type { Scenario } from './scenarios.ts'
import { replay, Side, sync, type Transactions } from './side.ts'

/** What happened over all histories: a run in which nothing blocked has shown nothing. */
export interface Counts {
  steps: number
  blocked: number
  deadlocks: number
  errors: number
  snapshots: number
  /** Snapshots while a commit was in the stream and not visible. */
  snapshotsInBetween: number
  restarts: number
  transactions: number
}

/** One history on the model and on the real one, step by step. */
class History {
  readonly log: string[] = []
  readonly #random: Random
  readonly #clock: StepClock
  readonly #model: PostgresModel
  readonly #real: RealPostgres
  #sessions: readonly ModelSession[]
  readonly #counts: Counts
  #side: Side
  #forgets = false
  /** All that each side was told in all its lives, by LSN. */
  readonly #told = {
    model: new Map<number, Transactions[number]>(),
    real: new Map<number, Transactions[number]>(),
  }

  constructor(seed: number, real: RealPostgres, counts: Counts) {
    this.#random = Random.named(seed, 'agreement')
    this.#clock = new StepClock(seed)
    this.#model = new PostgresModel({ clock: this.#clock, seed, tables, timing: noTime })
    this.#real = real
    this.#counts = counts
    this.#sessions = real.sessions.map(() => new ModelSession(this.#model))
    this.#side = this.#newSide(false)
  }

  /** `withCrash`: Postgres crashes in the middle. */
  async run(steps: number, withCrash: boolean): Promise<void> {
    await this.#clock.until(this.#side.start())
    await this.#real.clean()
    await this.#steps(steps)
    if (withCrash) {
      await this.#crash()
      await this.#steps(steps)
    }
    await this.#finish()
    await this.#compareStreams()
    await this.#clock.until(this.#side.source.close())
  }

  /** Each commit is shown at once. */
  async play(scenario: Scenario): Promise<void> {
    await this.#clock.until(this.#side.start())
    await this.#real.clean()
    for (const [session, operation] of scenario) {
      await this.#take({ kind: 'statement', session, operation })
      if (this.#sessions[session]?.isCommitting === true) await this.#take({ kind: 'show', session })
    }
    await this.#finish()
    await this.#compareStreams()
    await this.#clock.until(this.#side.source.close())
  }

  async #steps(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const step = nextStep(this.#random, this.#model, this.#sessions, this.#forgets)
      if (step !== undefined) await this.#take(step)
    }
  }

  /** What was durable is there afterwards, whether it was visible or not; and nothing else. */
  async #crash(): Promise<void> {
    // How far the slot is confirmed on disk is Postgres' own affair.
    if (this.#forgets) await this.#finish()
    if (this.#forgets) await this.#restart(false)
    this.log.push('crash')
    this.#model.crash(0)
    await this.#clock.advance(1_000)
    this.#sessions = this.#sessions.map(() => new ModelSession(this.#model))
    await this.#real.crash()
    await this.#compareStreams()
    for (const room of rooms) await this.#snapshot(room)
  }

  async #take(step: Step): Promise<void> {
    this.log.push(textOf(step))
    this.#counts.steps++
    switch (step.kind) {
      case 'statement':
        return this.#statement(step)
      case 'show':
        return this.#show(step.session)
      case 'snapshot':
        return this.#snapshot(step.room)
      case 'restart':
        return this.#restart(step.forgets)
    }
  }

  async #statement({ session: number, operation }: Extract<Step, { kind: 'statement' }>): Promise<void> {
    const session = this.#sessions[number]
    const waitedBefore = this.#waiting()
    session?.start(operation)
    await this.#clock.advance(0)
    const outcome = session?.outcome
    const closesCircle = outcome !== undefined && 'error' in outcome && outcome.error === '40P01'
    if (closesCircle) this.#counts.deadlocks++
    if (outcome === undefined) this.#counts.blocked++
    if (outcome !== undefined && 'error' in outcome) this.#counts.errors++
    this.#real.sessions[number]?.start(operation, closesCircle)
    await this.#follow([number, ...waitedBefore])
  }

  async #show(number: number): Promise<void> {
    const waitedBefore = this.#waiting()
    this.#sessions[number]?.transaction?.show()
    await this.#clock.advance(0)
    const session = this.#real.sessions[number]
    if (session !== undefined) await this.#real.cancel(session)
    await this.#follow(waitedBefore)
  }

  #waiting(): readonly number[] {
    return [...this.#sessions.keys()].filter((number) => this.#sessions[number]?.isBusy === true)
  }

  /** Has the real sessions come to where the model's are: ended in the same way, or waiting. */
  async #follow(numbers: readonly number[]): Promise<void> {
    const ended = numbers.filter((number) => this.#sessions[number]?.isBusy === false)
    for (const number of ended) {
      const real = this.#real.sessions[number]
      const expected = this.#sessions[number]?.outcome
      if (real === undefined || expected === undefined) continue
      // Who closes a circle when it is woken is not expected to look for it.
      const isWoken = number !== numbers[0] && 'error' in expected && expected.error === '40P01'
      if (isWoken) {
        await this.#real.waits(real)
        await this.#real.cancel(real)
        continue
      }
      await this.#real.ends(real)
      this.log.push(`  ${number}: ${textOf(expected)}`)
      assert.deepEqual(real.outcome, expected, `session ${number}`)
    }
    for (const number of this.#waiting()) {
      const real = this.#real.sessions[number]
      if (real !== undefined) await this.#real.waits(real)
      this.log.push(`  ${number} waits`)
    }
  }

  async #snapshot(room: string): Promise<void> {
    const ofModel = await this.#clock.until(this.#side.snapshot(room))
    const ofReal = await this.#real.side.snapshot(room)
    this.#remember()
    this.#counts.snapshots++
    if (this.#sessions.some((session) => session.isCommitting)) this.#counts.snapshotsInBetween++
    if (ofModel === 'unavailable' || ofReal === 'unavailable') {
      assert.equal(ofReal, ofModel)
      return
    }
    const [model, real] = [ofModel, ofReal].map(({ rows }) => sorted(rows))
    assert.deepEqual(
      model,
      sorted(replay([...this.#told.model.values()], ofModel.lsn, room)),
      'the model and its stream',
    )
    assert.deepEqual(
      real,
      sorted(replay([...this.#told.real.values()], ofReal.lsn, room)),
      'the real one and its stream',
    )
    assert.deepEqual(real, model, 'both snapshots')
  }

  async #restart(forgets: boolean): Promise<void> {
    this.#counts.restarts++
    await this.#compareStreams()
    await this.#clock.until(this.#side.source.close())
    this.#side = this.#newSide(forgets)
    await this.#clock.until(this.#side.start())
    await this.#real.restart(forgets)
    await this.#compareStreams()
  }

  /** Ends all transactions. */
  async #finish(): Promise<void> {
    while (this.#sessions.some((session) => session.transaction !== undefined)) {
      for (const [number, session] of this.#sessions.entries()) {
        if (session.isCommitting) await this.#take({ kind: 'show', session: number })
        else if (!session.isBusy && session.transaction !== undefined)
          await this.#take({ kind: 'statement', session: number, operation: { kind: 'rollback' } })
      }
    }
  }

  async #compareStreams(): Promise<void> {
    await this.#clock.until(this.#side.source.barrier())
    await this.#real.side.source.barrier()
    this.#remember()
    const [model, real] = [this.#side, this.#real].map(({ transactions }) =>
      transactions.map(({ events }) => events),
    )
    assert.deepEqual(real, model, 'the streams')
  }

  /** What is told again must be what was told. */
  #remember(): void {
    for (const [side, told] of [
      [this.#side, this.#told.model],
      [this.#real, this.#told.real],
    ] as const) {
      for (const transaction of side.transactions) {
        const before = told.get(transaction.lsn)
        if (before === undefined) {
          told.set(transaction.lsn, transaction)
          this.#counts.transactions++
        } else assert.deepEqual(transaction, before)
      }
    }
  }

  #newSide(forgets: boolean): Side {
    this.#forgets = forgets
    const retentionMs = forgets ? 0 : 1e9
    const source = this.#model.source({ node: 'a', runtime: this.#clock, sync, retentionMs })
    return new Side(source, this.#model.reader({ node: 'a' }), this.#clock)
  }
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'string' && inner.length > 40 ? `${inner.length} characters` : inner,
  )
}

function sorted(rows: ReadonlyMap<string, unknown>): unknown {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
}

/** @throws Error with the seed and the steps, where the two do not agree */
export function runHistory(
  seed: number,
  steps: number,
  real: RealPostgres,
  counts: Counts,
  withCrash = false,
): Promise<void> {
  const history = new History(seed, real, counts)
  return explained(`history ${seed}`, history, history.run(steps, withCrash))
}

export function runScenario(scenario: Scenario, real: RealPostgres): Promise<void> {
  const history = new History(1, real, noCounts())
  return explained('scenario', history, history.play(scenario))
}

async function explained(name: string, history: History, running: Promise<void>): Promise<void> {
  try {
    await running
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Error(`${name}: ${why}\n${history.log.join('\n')}`, { cause: error })
  }
}

export function noCounts(): Counts {
  return {
    steps: 0,
    blocked: 0,
    deadlocks: 0,
    errors: 0,
    snapshots: 0,
    snapshotsInBetween: 0,
    restarts: 0,
    transactions: 0,
  }
}
