import { encodePosition, type Json, type Position } from '@lockstep/protocol'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type {
  ObservedChange,
  ObserveLimits,
  ObserveOptions,
  Observer,
  ObserverStatus,
  Reaction,
  Row,
} from './observe.ts'
import type { TappedChange } from './tap.ts'
import type { Waiting, WaitingCommit } from './waiting.ts'

export interface RunnerParts {
  readonly waiting: Waiting
  readonly position: Position
  readonly react: Reaction
  readonly options: ObserveOptions
  readonly limits: ObserveLimits
  readonly runtime: Runtime
  readonly logger: Logger
  /** The last call has ended, or has been waited for long enough. */
  readonly onClose: () => Promise<void>
}

/** Calls one observer, change by change. */
export class Runner implements Observer {
  readonly name: string | undefined
  /** Everything at or before it is done. */
  position: Position
  /** Something was done since the position was saved. */
  hasWorked = false
  readonly #parts: RunnerParts
  readonly #ended: Promise<void>
  #state: ObserverStatus['state'] = 'running'
  #wake: () => void = () => {}

  constructor(parts: RunnerParts) {
    this.#parts = parts
    this.name = parts.options.name
    this.position = parts.position
    this.#ended = this.#run()
  }

  get collection(): string {
    return this.#parts.waiting.collection.name
  }

  /** Something may be waiting. */
  nudge(): void {
    if (this.#state === 'running') this.#wake()
  }

  resume(): void {
    this.#wake()
  }

  /** Nothing waits: what was committed up to here is done too. */
  advance(position: Position): void {
    if (this.#parts.waiting.length === 0 && position.lsn > this.position.lsn) this.position = position
  }

  status(): ObserverStatus {
    return {
      state: this.#state,
      position: encodePosition(this.position),
      waiting: this.#parts.waiting.length,
    }
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    this.#wake()
    const { runtime, limits, onClose } = this.#parts
    await new Promise<void>((resolve) => {
      const timer = runtime.timer(limits.closeMs, resolve)
      void this.#ended.then(() => {
        timer.cancel()
        resolve()
      })
    })
    await onClose()
  }

  async #run(): Promise<void> {
    const { waiting } = this.#parts
    while (!this.#isClosed()) {
      const { first } = waiting
      if (first === undefined) await this.#sleep(undefined)
      else if (await this.#tell(first)) {
        this.position = first.position
        this.hasWorked = true
        waiting.done(first)
      }
    }
  }

  /** False: it was not told whole, as the observer was closed or a reset has taken its place. */
  async #tell(commit: WaitingCommit): Promise<boolean> {
    const { options, react, waiting, logger } = this.#parts
    const position = encodePosition(commit.position)
    if (commit.reset !== undefined) {
      const { reset: reason } = commit
      const { reset } = options
      if (reset !== undefined) return this.#attempt(commit, () => reset(reason, position))
      logger.warn(`Observer ${this.#shown()} has missed changes up to ${position}: ${reason}.`)
      return true
    }
    const told = {
      position,
      at: commit.commit?.at ?? 0,
      session: commit.commit?.session,
      mutation: commit.commit?.mutation,
      operations: (commit.commit?.operations ?? []).map(({ channel, text }) => ({
        channel,
        ...JSON.parse(text),
      })),
    }
    for (const change of commit.changes) {
      const call = (attempt: number) => react(observed(change), { ...told, attempt })
      if (!(await this.#attempt(commit, call))) return false
      if (waiting.first !== commit) return false
    }
    return true
  }

  /** Calls until it does not throw. False: closed, or the commit no longer waits. */
  async #attempt(commit: WaitingCommit, call: (attempt: number) => unknown): Promise<boolean> {
    const { limits, logger, waiting } = this.#parts
    for (let attempt = 1; !this.#isClosed() && waiting.first === commit; attempt++) {
      try {
        await call(attempt)
        if (!this.#isClosed()) this.#state = 'running'
        return true
      } catch (error) {
        if (this.#isClosed()) return false
        // Only what kind of error it is: its message may hold rows.
        const kind = error instanceof Error ? error.name : typeof error
        const isLast = attempt % limits.attemptsMax === 0
        this.#state = isLast ? 'stopped' : 'retrying'
        const position = encodePosition(commit.position)
        const failed = `Observer ${this.#shown()} failed at ${position} (${kind}), attempt ${attempt}`
        if (isLast) logger.error(`${failed}: it stops there until it is resumed or the server is restarted.`)
        else logger.warn(failed)
        await this.#sleep(
          isLast ? undefined : Math.min(limits.pauseMs * 2 ** (attempt - 1), limits.pauseMsMax),
        )
      }
    }
    if (!this.#isClosed()) this.#state = 'running'
    return false
  }

  /** Until `wake`, or for so long. */
  #sleep(ms: number | undefined): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === undefined ? undefined : this.#parts.runtime.timer(ms, resolve)
      this.#wake = () => {
        timer?.cancel()
        resolve()
      }
    })
  }

  // A method, as the compiler would conclude from one look that no await can change it.
  #isClosed(): boolean {
    return this.#state === 'closed'
  }

  #shown(): string {
    return `${this.name === undefined ? 'without a name' : `"${this.name}"`} of collection "${this.collection}"`
  }
}

function observed({ event, key, row, before }: TappedChange): ObservedChange {
  const now = parsed(row)
  const former = parsed(before)
  if (event === 'destroy') return { event, key, before: former }
  return event === 'create' ? { event, key, row: now } : { event, key, row: now, before: former }
}

function parsed(text: string | undefined): Row {
  const row: Record<string, Json> = text === undefined ? {} : JSON.parse(text)
  return row
}
