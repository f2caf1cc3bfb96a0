import { bank } from '../bank/bank.ts'
import { Books, type Note } from '../bank/books.ts'
import { Desk } from '../bank/desk.ts'
import { Broker, ModelBus } from '../bus/model-bus.ts'
import { Owner } from '../clock/owner.ts'
import type { ProcessRuntime } from '../clock/process-runtime.ts'
import type { Scheduler } from '../clock/scheduler.ts'
import { WallClock } from '../clock/wall-clock.ts'
import { Line } from '../network/line.ts'
import { Node } from '../node/node.ts'
import { mountPath, type ServerProcess } from '../node/server-process.ts'
import { Person } from '../person/person.ts'
import type { Database } from '../postgres/database.ts'
import { Random } from '../random/random.ts'
import type { Audience, Schedule, Someone } from '../schedule/schedule.ts'
import type { Journal } from './journal.ts'

export interface WorldParts {
  readonly schedule: Schedule
  readonly scheduler: Scheduler
  readonly journal: Journal
  readonly database: Database
}

/** Everything that there is in a run: the database, the server over it, people and their lines. */
export class World {
  readonly database: Database
  readonly books: Books
  readonly node: Node
  /** Of the bus, where it is one over a network. */
  readonly broker: Broker | undefined
  readonly people: Map<string, Person> = new Map()
  readonly #parts: WorldParts
  readonly #rights = new Map<string, Audience>()
  readonly #desks = new WeakMap<ServerProcess, Desk>()
  readonly #authorizeRandom: Random
  /** The application cannot say what somebody may see until then. */
  #speechlessUntil = 0

  constructor(parts: WorldParts) {
    const { schedule, scheduler, journal, database } = parts
    const { setting, seed } = schedule
    this.#parts = parts
    this.database = database
    this.books = new Books(database)
    this.#authorizeRandom = Random.named(seed, 'authorize')
    for (const [place, audience] of Object.entries(setting.rights)) this.#rights.set(place, audience)
    const broker = setting.bus && new Broker(scheduler, Random.named(seed, 'bus'), setting.bus)
    this.broker = broker
    this.node = new Node({
      name: 'node',
      seed,
      scheduler,
      database,
      journal,
      limits: setting.limits,
      sync: (runtime) => bank((user, room) => this.#authorize(runtime, user, room)),
      application: (request, process) => this.#deskOf(process).answer(request),
      rooms: Object.keys(setting.rooms),
      bus: broker && ((owner) => new ModelBus(broker, owner)),
    })
    for (const someone of setting.people) this.people.set(someone.name, this.#person(someone))
  }

  /** The bank opens: first rows, rights, and then the server. */
  async begin(): Promise<void> {
    const { schedule, journal, database } = this.#parts
    const { setting } = schedule
    const clients = Object.fromEntries(setting.people.map(({ name, user }) => [name, user]))
    journal.add({ kind: 'begin', rooms: setting.rooms, clients })
    for (const user of new Set(setting.people.map(({ user }) => user))) {
      for (const room of Object.keys(setting.rooms)) {
        journal.add({ kind: 'rights', user, room, audience: this.audience(user, room), settled: true })
      }
    }
    await this.books.begin(setting.rooms)
    database.onCommit(({ note }) => {
      // What `Books` and TRUNCATE note; DDL notes nothing.
      if (typeof note !== 'object' || note === null) return
      if ('truncated' in note) {
        const truncated = note.truncated as 'entries'
        journal.add({ kind: 'commit', commit: `t${journal.count}`, rooms: {}, truncated })
      } else journal.add({ kind: 'commit', ...(note as Note) })
    })
    this.node.start()
  }

  audience(user: string, room: string): Audience {
    return this.#rights.get(`${user} ${room}`) ?? 'member'
  }

  /** Other rights than before, of which the server is told. */
  setRights(user: string, room: string, audience: Audience): void {
    const { journal } = this.#parts
    if (this.audience(user, room) === audience) return
    this.#rights.set(`${user} ${room}`, audience)
    journal.add({ kind: 'rights', user, room, audience, settled: false })
    const settled = (): void => {
      if (this.audience(user, room) !== audience) return
      journal.add({ kind: 'rights', user, room, audience, settled: true })
    }
    const process = this.node.process
    // A server that is not there yet asks when it is.
    if (process === undefined) {
      settled()
      return
    }
    let told = false
    const once = (): void => {
      if (!told) settled()
      told = true
    }
    process.whenGone(once)
    process.owner.do(() => {
      process.engine.hub.reauthorize(user).then(once, once)
    })
  }

  speechless(ms: number): void {
    this.#speechlessUntil = Math.max(this.#speechlessUntil, this.#parts.scheduler.now + ms)
  }

  /** What the application answers: as things stood when it was asked, a while later. */
  async #authorize(runtime: ProcessRuntime, user: string, room: string): Promise<Audience> {
    const { scheduler, schedule } = this.#parts
    const answer = this.audience(user, room)
    const fails = scheduler.now < this.#speechlessUntil
    const ms = this.#authorizeRandom.below(schedule.setting.authorizeMs + 1)
    if (ms > 0) await new Promise<void>((resolve) => void runtime.timer(ms, resolve))
    if (fails) throw Object.assign(new Error('the database is away'), { code: 'CONNECTION_CLOSED' })
    return answer
  }

  #deskOf(process: ServerProcess): Desk {
    const known = this.#desks.get(process)
    if (known !== undefined) return known
    const { runtime, owner } = process
    const desk = new Desk(this.database, this.books, { runtime, alive: () => owner.alive })
    this.#desks.set(process, desk)
    return desk
  }

  #person({ name, user, rooms, up, down, clockMs }: Someone): Person {
    const { scheduler, schedule, journal } = this.#parts
    const { seed, setting } = schedule
    const device = new Owner(scheduler)
    const line = new Line({
      scheduler,
      seed,
      name,
      user,
      device,
      up,
      down,
      bounds: setting.bounds,
      server: () => this.node.listening,
    })
    const clock = new WallClock(scheduler, clockMs)
    return new Person({ name, user, seed, scheduler, device, clock, line, journal, rooms, mountPath })
  }
}
