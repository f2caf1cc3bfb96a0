import type { Position, ResetReason } from '@lockstep/protocol'
import type { Collection } from '../definition/definition.ts'
import type { TappedChange, TappedCommit } from './tap.ts'

/** One commit's changes to the collection, or that they cannot be told. */
export interface WaitingCommit {
  readonly position: Position
  readonly commit: TappedCommit | undefined
  readonly changes: readonly TappedChange[]
  readonly reset: ResetReason | undefined
  readonly size: number
}

/** The commits that wait for one observer, in order and within a bound. */
export class Waiting {
  readonly collection: Collection
  /** Commits at or before it are not taken. */
  #from: Position
  readonly #sizeMax: number
  #list: WaitingCommit[] = []
  #size = 0

  constructor(collection: Collection, from: Position, sizeMax: number) {
    this.collection = collection
    this.#from = from
    this.#sizeMax = sizeMax
  }

  get first(): WaitingCommit | undefined {
    return this.#list[0]
  }

  get length(): number {
    return this.#list.length
  }

  /** Takes the first away, where it is this one: it may have been given up for a reset. */
  done(commit: WaitingCommit): void {
    if (this.#list[0] !== commit) return
    this.#list.shift()
    this.#size -= commit.size
  }

  /** @returns whether something is to be done now */
  add(commit: TappedCommit): boolean {
    const changes = commit.changes.get(this.collection)
    if (changes === undefined || commit.lsn <= this.#from.lsn) return false
    const position = { epoch: this.#from.epoch, lsn: commit.lsn }
    if (changes.reset !== undefined) this.#replace(position, changes.reset)
    else if (this.#size + changes.size > this.#sizeMax && this.#list.length > 0)
      this.#replace(position, 'slow')
    else {
      this.#size += changes.size
      this.#list.push({ position, commit, changes: changes.list, reset: undefined, size: changes.size })
    }
    return true
  }

  /** The stream begins, here: what lies between the position and here will not come. */
  begin(at: Position): void {
    if (this.#from.epoch !== at.epoch) this.#replace(at, 'epoch')
    else if (this.#from.lsn < at.lsn) this.#replace(at, 'trimmed')
  }

  /** Reads anew rather than one by one: nothing that waits is worth telling after that. */
  #replace(position: Position, reset: ResetReason): void {
    this.#from = position
    this.#list = [{ position, commit: undefined, changes: [], reset, size: 0 }]
    this.#size = 0
  }
}
