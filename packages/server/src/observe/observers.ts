import { encodePosition, type Position } from '@lockstep/protocol'
import type { Sql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime, Timer } from '../runtime/runtime.ts'
import type { SourceSink } from '../source/source.ts'
import {
  defaultObserveLimits,
  type ObserveLimits,
  type ObserveOptions,
  type Observer,
  type Reaction,
} from './observe.ts'
import { ObserverPositions } from './positions.ts'
import { Runner } from './runner.ts'
import { Tap, type TappedCommit } from './tap.ts'
import { Waiting } from './waiting.ts'

export interface ObserversParts {
  readonly sql: Sql
  readonly slot: string
  readonly collections: readonly Collection[]
  /** How far back the stream begins after a restart. */
  readonly retentionMs: number
  readonly runtime: Runtime
  readonly logger: Logger
  readonly limits?: Partial<ObserveLimits>
}

/** Observers of a server: those that are here, and those of before that may come again. */
export class Observers {
  readonly changesSizeMax: number
  readonly #parts: ObserversParts
  readonly #limits: ObserveLimits
  readonly #positions: ObserverPositions
  readonly #runners = new Map<Runner, Waiting>()
  /** From the table, until they come: what is for them waits from the start of the stream. */
  #known = new Map<
    string,
    { readonly waiting: Waiting | undefined; readonly position: Position; readonly collection: string }
  >()
  readonly #wanted = new Map<Collection, number>()
  readonly #saved = new Map<string, { readonly lsn: number; readonly at: number }>()
  #at: Position = { epoch: '', lsn: 0 }
  #timer: Timer | undefined
  #saving: Promise<void> = Promise.resolve()
  #closed = false

  constructor(parts: ObserversParts) {
    this.#parts = parts
    this.#limits = { ...defaultObserveLimits, ...parts.limits }
    this.changesSizeMax = this.#limits.waitingMax
    this.#positions = new ObserverPositions(parts.sql, parts.slot)
  }

  /** Reads what observers there were. Before the stream begins. */
  async load(): Promise<void> {
    for (const { name, collection: collectionName, position } of await this.#positions.load()) {
      const collection = this.#parts.collections.find((one) => one.name === collectionName)
      const waiting = collection && this.#wait(collection, position)
      this.#known.set(name, { waiting, position, collection: collectionName })
    }
    // Who has not come by then is gone, and costs nothing more.
    if (this.#known.size > 0) this.#parts.runtime.timer(this.#parts.retentionMs, () => this.#forget())
  }

  tap(next: SourceSink): SourceSink {
    return new Tap(next, this)
  }

  /** @see SyncServer.observe */
  async observe(name: string, react: Reaction, options: ObserveOptions = {}): Promise<Observer> {
    const collection = this.#parts.collections.find((one) => one.name === name)
    if (collection === undefined) throw new TypeError(`There is no collection "${name}" to observe.`)
    if (this.#closed) throw new Error('The server is closed.')
    const own = options.name
    if (own !== undefined && !/^[\x20-\x7e]{1,128}$/.test(own)) {
      throw new TypeError('An observer has a name of 1 to 128 characters of ASCII.')
    }
    if (own !== undefined && [...this.#runners.keys()].some((runner) => runner.name === own)) {
      throw new Error(`There is an observer "${own}" already.`)
    }
    const known = own === undefined ? undefined : this.#known.get(own)
    if (own !== undefined && known !== undefined && known.collection !== name) {
      throw new Error(
        `Observer "${own}" is one of collection "${known.collection}"; give this one another name, or run: DELETE FROM lockstep.observers WHERE name = '${own.replaceAll("'", "''")}';`,
      )
    }
    const position = known?.position ?? this.#at
    const waiting = known?.waiting ?? this.#wait(collection, position)
    // It comes too late for what has passed.
    if (known !== undefined && known.waiting === undefined) waiting.begin(this.#at)
    if (own !== undefined) this.#known.delete(own)
    const runner = new Runner({
      waiting,
      position,
      react,
      options,
      limits: this.#limits,
      runtime: this.#parts.runtime,
      logger: this.#parts.logger,
      onClose: () => this.#leave(runner, waiting),
    })
    this.#runners.set(runner, waiting)
    if (this.#timer === undefined) this.#tick()
    if (own !== undefined && known === undefined) {
      try {
        await this.#positions.prepare()
        await this.#save(runner)
      } catch (error) {
        await runner.close()
        throw error
      }
    }
    return runner
  }

  /** Ends every observer: after the call that is running, or in 5 s. */
  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await Promise.all([...this.#runners.keys()].map((runner) => runner.close()))
    await this.#saving
  }

  // ---- from the tap -------------------------------------------------------------------------------------

  wants(collection: Collection): boolean {
    return this.#wanted.has(collection)
  }

  commit(commit: TappedCommit): void {
    for (const { waiting } of this.#known.values()) waiting?.add(commit)
    for (const [runner, waiting] of this.#runners) if (waiting.add(commit)) runner.nudge()
  }

  progress(lsn: number): void {
    this.#at = { epoch: this.#at.epoch, lsn }
  }

  epoch(epoch: string, lsn: number): void {
    this.#at = { epoch, lsn }
    for (const { waiting } of this.#known.values()) waiting?.begin(this.#at)
    for (const [runner, waiting] of this.#runners) {
      waiting.begin(this.#at)
      runner.nudge()
    }
  }

  // ---- positions ----------------------------------------------------------------------------------------

  #tick(): void {
    this.#timer = this.#parts.runtime.timer(this.#limits.saveMs, () => {
      this.#saving = this.#saveAll().finally(() => {
        if (!this.#closed) this.#tick()
      })
    })
  }

  async #saveAll(): Promise<void> {
    for (const runner of this.#runners.keys()) {
      runner.advance(this.#at)
      if (!runner.hasWorked && !this.#isOld(runner)) continue
      try {
        await this.#save(runner)
      } catch {
        runner.hasWorked = true
        this.#parts.logger.warn('Positions of observers were not saved this time.')
        return
      }
    }
  }

  /** Where nothing happens the position is told now and then, or it would fall behind the slot. */
  #isOld({ name, position }: Runner): boolean {
    if (name === undefined) return false
    const saved = this.#saved.get(name)
    if (saved === undefined) return true
    return position.lsn !== saved.lsn && this.#parts.runtime.now() - saved.at > this.#parts.retentionMs / 8
  }

  async #save(runner: Runner): Promise<void> {
    const { name, collection, position } = runner
    if (name === undefined) return
    const at = this.#parts.runtime.now()
    runner.hasWorked = false
    await this.#positions.save({ name, collection, position })
    this.#saved.set(name, { lsn: position.lsn, at })
  }

  async #leave(runner: Runner, waiting: Waiting): Promise<void> {
    if (!this.#runners.delete(runner)) return
    this.#unwant(waiting.collection)
    const { name, collection, position } = runner
    // The same process may observe again by this name, from here; meanwhile nothing is kept for it.
    if (name !== undefined) this.#known.set(name, { waiting: undefined, position, collection })
    await this.#saving
    try {
      await this.#save(runner)
    } catch {
      this.#parts.logger.warn(`The position of an observer was not saved: ${encodePosition(position)}.`)
    }
  }

  #wait(collection: Collection, from: Position): Waiting {
    this.#wanted.set(collection, (this.#wanted.get(collection) ?? 0) + 1)
    return new Waiting(collection, from, this.#limits.waitingMax)
  }

  #unwant(collection: Collection): void {
    const others = (this.#wanted.get(collection) ?? 1) - 1
    if (others === 0) this.#wanted.delete(collection)
    else this.#wanted.set(collection, others)
  }

  #forget(): void {
    for (const [name, known] of this.#known) {
      if (known.waiting === undefined) continue
      this.#unwant(known.waiting.collection)
      this.#known.set(name, { ...known, waiting: undefined })
    }
  }
}
