import type { Posting } from '../bank/books.ts'
import { Refusal } from '../bank/books.ts'
import type { Scheduler } from '../clock/scheduler.ts'
import type { Person } from '../person/person.ts'
import { DatabaseError } from '../postgres/database.ts'
import type { Step } from '../schedule/schedule.ts'
import type { Journal } from './journal.ts'
import type { World } from './world.ts'

/** How often a posting from beside the application is tried. */
const attemptsMax = 4

/** Does the steps of a schedule. */
export class Actor {
  /** How often each kind of fault was made. */
  readonly faults: Map<string, number> = new Map()
  readonly #world: World
  readonly #scheduler: Scheduler
  readonly #journal: Journal

  constructor(world: World, scheduler: Scheduler, journal: Journal) {
    this.#world = world
    this.#scheduler = scheduler
    this.#journal = journal
  }

  do(step: Step): void {
    const world = this.#world
    switch (step.kind) {
      case 'post':
        void this.#post(step.posting)
        break
      case 'rights':
        world.setRights(step.user, step.room, step.audience)
        break
      case 'crash':
        this.#fault('crash', 'node')
        world.node.crash(step.downMs)
        break
      case 'restart':
        this.#fault('restart', 'node')
        world.node.restart(step.downMs)
        break
      case 'stop':
        this.#fault('stall', 'node')
        this.#stop(step.ms)
        break
      case 'authorize-fails':
        this.#fault('authorize-fails', 'node')
        world.speechless(step.ms)
        break
      case 'postgres-crash':
        this.#fault('postgres-crash', 'postgres')
        world.database.crash(step.downMs)
        break
      case 'slot-lost':
        this.#fault('slot-lost', 'postgres')
        world.database.loseSlot()
        break
      case 'flood':
        this.#fault('flood', 'postgres')
        world.database.writeElsewhere(step.bytes)
        break
      case 'bus-away':
        this.#fault('bus-away', 'bus')
        world.broker?.leave(step.ms)
        break
      case 'bus-slow':
        this.#fault('bus-slow', 'bus')
        world.broker?.slow(step.ms, step.byMs)
        break
      case 'bus-restart':
        this.#fault('bus-restart', 'bus')
        world.broker?.restart(step.ms)
        break
      case 'stall':
        this.#fault('stall', 'postgres')
        world.database.stallStream(step.ms)
        break
      case 'slow-visibility':
        this.#fault('slow-visibility', 'postgres')
        world.database.slowVisibility(step.ms)
        break
      case 'add-column':
        this.#fault('add-column', 'postgres')
        void world.database.addColumn(step.table, step.column).catch(onlyDatabase)
        break
      case 'truncate':
        this.#fault('truncate', 'postgres')
        void world.database.truncate(step.table).catch(onlyDatabase)
        break
      case 'clock':
        this.#fault('clock', step.of)
        if (step.of === 'node') world.node.clock.jump(step.ms)
        else world.people.get(step.of)?.clock.jump(step.ms)
        break
      default: {
        const person = world.people.get(step.of)
        if (person !== undefined) this.#doOf(person, step)
      }
    }
  }

  #doOf(person: Person, step: Extract<Step, { of: string }>): void {
    switch (step.kind) {
      case 'count':
        person.count(step.room)
        break
      case 'write':
        person.post(step.room, step.posting)
        break
      case 'subscribe':
        person.subscribe(step.room)
        break
      case 'leave':
        person.leave(step.room)
        break
      case 'lock': {
        const { leaseMs, waitMs, ask, yields } = step
        person.lock(step.room, step.resource, {
          yields,
          ...(leaseMs === undefined ? {} : { leaseMs }),
          ...(waitMs === undefined ? {} : { waitMs }),
          ...(ask === undefined ? {} : { ask }),
        })
        break
      }
      case 'unlock':
        person.unlock(step.room, step.resource)
        break
      case 'say':
        person.say(step.room, step.n)
        break
      case 'broadcast':
        person.broadcast(step.room, step.n)
        break
      case 'load':
        person.load(step.holdMs)
        break
      case 'open':
        person.open()
        break
      case 'close':
      case 'kill':
        person.close(step.kind === 'kill')
        break
      case 'wake':
        person.page?.runtime.wake()
        break
      default:
        this.#fault(step.kind, person.name)
        this.#breakLine(person, step)
    }
  }

  #breakLine(person: Person, step: Extract<Step, { of: string }>): void {
    const { line, device } = person
    const later = (ms: number, run: () => void): void => void this.#scheduler.after(ms, run)
    switch (step.kind) {
      case 'cut':
        line.cut()
        break
      case 'half-open':
        line.vanish(step.direction)
        break
      case 'partition':
        line.block(step.direction)
        later(step.ms, () => line.block(undefined))
        break
      case 'offline':
        line.offline = true
        later(step.ms, () => {
          line.offline = false
          device.do(() => person.page?.runtime.wake())
        })
        break
      case 'hold':
        line.hold(step.direction, step.ms)
        break
      case 'slow':
        line.throttle(step.rate)
        later(step.ms, () => line.throttle(Number.MAX_SAFE_INTEGER))
        break
      case 'sleep':
        device.stop(step.ms)
        later(step.ms, () => device.do(() => person.page?.runtime.wake()))
        break
      case 'request':
        line.spoil(step.fate)
        break
    }
  }

  /** From beside the application, as psql does it. */
  async #post(posting: Posting): Promise<void> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      try {
        await this.#world.books.post(posting)
        return
      } catch (error) {
        if (error instanceof Refusal) return
        onlyDatabase(error)
      }
    }
  }

  /** SIGSTOP: what the database says to the process waits like everything else. */
  #stop(ms: number): void {
    const { database, node } = this.#world
    if (node.process === undefined) return
    node.process.owner.stop(ms)
    database.silence(node.process.name, ms)
  }

  #fault(fault: string, of: string): void {
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1)
    this.#journal.add({ kind: 'fault', fault, of })
  }
}

function onlyDatabase(error: unknown): void {
  if (!(error instanceof DatabaseError)) throw error
}
