import { entriesMax } from '../bank/bank.ts'
import type { Begin, Commit } from '../history/history.ts'

export type Accounts = Readonly<Record<string, number>>

export interface Told {
  readonly n: number
  readonly version: number
  readonly session: string | undefined
}

interface CounterStep {
  /** Version of the room when it happened. */
  readonly version: number
  readonly n: number
  readonly truncated: boolean
}

/** Versions between two whole states that are kept. */
const checkpointVersions = 32

/** What the commits made of one room, for each version. */
export class RoomLedger {
  version = 0
  /** Operations told in the room, in commit order. */
  readonly operations: Told[] = []
  /** Commit of each version; version 1 comes first. */
  readonly commits: string[] = []
  readonly #changes: Readonly<Record<string, number | null>>[] = []
  readonly #checkpoints: Map<string, number>[]
  readonly #entriesTruncated: number[] = []
  readonly #counters = new Map<string, CounterStep[]>()

  constructor(accounts: Accounts) {
    this.#checkpoints = [new Map(Object.entries(accounts))]
  }

  take(commit: Commit, room: string): void {
    const change = commit.rooms[room]
    if (change === undefined) return
    if (change.version !== this.version + 1) {
      throw new Error(
        `history: ${room} has version ${this.version}, and commit ${commit.commit} makes it ${change.version}`,
      )
    }
    this.version = change.version
    this.commits.push(commit.commit)
    this.#changes.push(change.accounts)
    if (this.version % checkpointVersions === 0) this.#checkpoints.push(this.accountsAt(this.version))
    const { counter, operation } = commit
    if (counter?.room === room)
      this.#count(counter.id, { version: this.version, n: counter.n, truncated: false })
    if (operation?.rooms.includes(room)) {
      this.operations.push({ n: operation.n, version: this.version, session: commit.session })
    }
  }

  truncate(table: 'entries' | 'counters'): void {
    if (table === 'entries') this.#entriesTruncated.push(this.version)
    else
      for (const id of this.#counters.keys())
        this.#count(id, { version: this.version, n: 0, truncated: true })
  }

  accountsAt(version: number): Map<string, number> {
    const from = Math.min(Math.floor(version / checkpointVersions), this.#checkpoints.length - 1)
    const accounts = new Map(this.#checkpoints[from])
    for (const change of this.#changes.slice(from * checkpointVersions, version)) {
      for (const [id, balance] of Object.entries(change)) {
        if (balance === null) accounts.delete(id)
        else accounts.set(id, balance)
      }
    }
    return accounts
  }

  /** What the entries may be: two answers where the table was truncated at this version. */
  entriesAt(version: number): readonly (readonly string[])[] {
    let from = Math.max(0, version - entriesMax)
    let emptied = false
    for (const truncated of this.#entriesTruncated) {
      if (truncated === version) emptied = true
      else if (truncated < version) from = Math.max(from, truncated)
    }
    const entries = this.commits.slice(from, version)
    return emptied ? [entries, []] : [entries]
  }

  /** What a counter may be, as `entriesAt`. */
  counterAt(id: string, version: number): readonly number[] {
    let allowed = [0]
    for (const step of this.#counters.get(id) ?? []) {
      if (step.version > version) break
      allowed = step.truncated && step.version === version ? [...allowed, step.n] : [step.n]
    }
    return allowed
  }

  /** All counters as they are now. */
  get counters(): Map<string, number> {
    return new Map([...this.#counters].map(([id, steps]) => [id, steps.at(-1)?.n ?? 0]))
  }

  /** Whether the entries are empty now because nothing was committed since they were truncated. */
  get entriesNow(): readonly string[] {
    return this.entriesAt(this.version).at(-1) ?? []
  }

  #count(id: string, step: CounterStep): void {
    const steps = this.#counters.get(id)
    if (steps === undefined) this.#counters.set(id, [step])
    else steps.push(step)
  }
}

/** Versions that one commit gave two rooms; both rise. */
export type SharedCommit = readonly [left: number, right: number, commit: string]

/** All commits, as they are known so far: what rows there are at each version of each room. */
export class Ledger {
  readonly #rooms = new Map<string, RoomLedger>()
  readonly #shared = new Map<string, SharedCommit[]>()
  /** Commit of each write. */
  readonly writes: Map<string, Commit> = new Map()
  total = 0

  begin({ rooms }: Begin): void {
    for (const [room, accounts] of Object.entries(rooms)) {
      this.#rooms.set(room, new RoomLedger(accounts))
      for (const balance of Object.values(accounts)) this.total += balance
    }
  }

  take(commit: Commit): void {
    const { truncated } = commit
    if (truncated !== undefined) for (const room of this.#rooms.values()) room.truncate(truncated)
    const rooms = Object.keys(commit.rooms).sort()
    for (const room of rooms) this.room(room).take(commit, room)
    if (commit.write !== undefined && !this.writes.has(commit.write)) this.writes.set(commit.write, commit)
    for (const [i, left] of rooms.entries()) {
      for (const right of rooms.slice(i + 1)) {
        const versions = [this.room(left).version, this.room(right).version, commit.commit] as const
        const key = JSON.stringify([left, right])
        const shared = this.#shared.get(key)
        if (shared === undefined) this.#shared.set(key, [versions])
        else shared.push(versions)
      }
    }
  }

  get rooms(): readonly string[] {
    return [...this.#rooms.keys()]
  }

  room(name: string): RoomLedger {
    const room = this.#rooms.get(name)
    if (room === undefined) throw new Error(`history: there is no room ${name}`)
    return room
  }

  /** Commits that touched both rooms; `left` comes first in the alphabet. */
  shared(left: string, right: string): readonly SharedCommit[] {
    return this.#shared.get(JSON.stringify([left, right])) ?? []
  }
}
