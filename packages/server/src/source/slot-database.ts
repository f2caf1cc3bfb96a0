import type { Collection } from '../definition/definition.ts'
import type { Fault } from '../fault/fault.ts'
import type { TypeCatalog } from './catalog.ts'
import type { SlotPlan, Terms } from './terms.ts'
import type { Visibility } from './visibility.ts'

/** An epoch of the log: positions of the same epoch can be compared. */
export interface Epoch {
  readonly epoch: string
  /** Commits that start here or later are in the stream. */
  readonly from: number
}

/**
 * The database as the reader of a slot needs it: everything of it that is SQL or a socket, one statement or
 * command a call. What follows from the answers is decided elsewhere, so that the same decisions are made
 * over a Postgres and over a model of one.
 */
export interface SlotDatabase {
  /** Of the database's columns; `loadTypes` reads them. */
  readonly types: TypeCatalog
  loadTypes(): Promise<void>
  /** Makes sure of Lockstep's own tables, and learns what this Postgres can do. */
  prepare(): Promise<void>
  /** What stands of the slot now. */
  facts(plan: SlotPlan): Promise<SlotFacts>
  terms(plan: SlotPlan): Promise<Terms>
  /** Whether the collection's table has all declared columns. */
  isWhole(collection: Collection): Promise<boolean>
  /** The epoch that stands; undefined where the slot or its row has gone. */
  epoch(slot: string): Promise<Epoch | undefined>

  /** Writes other terms over those that were there. */
  saveTerms(slot: string, before: string, now: string): Promise<void>
  forgetEpoch(slot: string): Promise<void>
  dropSlot(slot: string): Promise<void>
  /** Makes the publication anew, of the declared tables that are there. */
  publish(plan: SlotPlan): Promise<void>
  /** @returns from where on commits are in its stream. Waits for transactions that are open to end. */
  createSlot(slot: string): Promise<number>
  /** Resolves when all transactions that are under way at the call have ended, and can be seen by others. */
  settled(): Promise<void>
  saveEpoch(slot: string, epoch: string, terms: string): Promise<void>

  /** A connection for one stream, not begun. */
  connection(slot: string): StreamConnection
  /** Writes a message into the WAL, outside of transactions, and has it flushed. */
  mark(slot: string, content: string): Promise<unknown>
  /** Rejects where the database takes no new sessions. */
  probe(): Promise<void>
  /** What a snapshot that is taken now sees. */
  visibility(): Promise<Visibility>
  /** WAL that the slot holds back, and whether there is little room for more. */
  retained(slot: string): Promise<{ readonly bytes: number; readonly scarce: boolean } | undefined>
  /** An error for the operator, where it says why the database cannot be had. */
  explain(error: unknown): unknown
  close(timeoutSeconds: number): Promise<void>
}

export interface SlotFacts {
  /** What was written down when the epoch began. */
  readonly state?: { readonly terms: string; readonly sameSystem: boolean } | undefined
  readonly slot?: { readonly invalidated?: string | undefined } | undefined
  /** The slot of this name is somebody else's. */
  readonly taken?: Fault | undefined
  /** Everything before is durable. */
  readonly flushed: number
}

/** Where a stream of a slot begins. */
export interface StreamStart {
  readonly slot: string
  readonly publication: string
  /** Commits from here on; 0: from where the slot stands. */
  readonly from: number
}

/** One connection in replication mode. The bodies of CopyData messages go both ways on it. */
export interface StreamConnection {
  /** Called with each message, valid during the call only. Messages may come before `start` resolves. */
  onCopyData: (bytes: Buffer, start: number, end: number) => void
  sendCopyData(content: Buffer): void
  pause(): void
  resume(): void
  /** Begins the stream; `ended` is called when it is over, whoever ended it. @throws an error with SQLSTATE as `code`, e.g. 55006 where another process reads the slot. */
  start(start: StreamStart, ended: (error: Error) => void): Promise<void>
  /** Ends the connection once everything that was sent has gone out. */
  close(): Promise<void>
}
