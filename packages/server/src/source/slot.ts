import type { Collection } from '../definition/definition.ts'
import { SetupError } from '../fault/fault.ts'
import type { Logger } from '../runtime/logger.ts'
import type { Runtime } from '../runtime/runtime.ts'
import type { Epoch, SlotDatabase } from './slot-database.ts'
import { readTerms, type SlotPlan, whyTermsDiffer } from './terms.ts'

/** Postgres' own rule for the names of slots. */
export function isSlotName(name: string): boolean {
  return /^[a-z0-9_]{1,63}$/.test(name)
}

/** The reason that is none to worry about: nobody has a position yet. */
export const firstLog = 'there is no replication slot yet'

/** What has come out of the stream so far. */
export interface Given {
  /** Everything up to here was given. */
  readonly given: number
  /** Collections whose changes it has left out. */
  readonly stopped: readonly Collection[]
}

/** Why the log of this slot cannot be continued; undefined: it can. */
export async function whyNewEpoch(
  database: SlotDatabase,
  plan: SlotPlan,
  { given, stopped }: Given = { given: 0, stopped: [] },
): Promise<string | undefined> {
  const { state, slot, taken, flushed } = await database.facts(plan)
  if (taken !== undefined) throw new SetupError([taken])
  if (slot === undefined) return state === undefined ? firstLog : 'the replication slot is gone'
  if (slot.invalidated !== undefined) return `the replication slot was invalidated (${slot.invalidated})`
  if (state === undefined) return 'the replication slot is not one of this server'
  if (!state.sameSystem) return 'this is another database cluster'
  // What is durable stays, but where the files of an earlier time were put back.
  if (flushed < given) return 'the database has gone back to an earlier state'
  const before = readTerms(state.terms)
  const now = await database.terms(plan)
  const why = before === undefined ? 'it was begun by an older version' : whyTermsDiffer(before, now)
  if (why !== undefined) return why
  // Partitions that were made since are told of, and are to be there from now on.
  const terms = JSON.stringify(now)
  if (terms !== state.terms) await database.saveTerms(plan.slot, state.terms, terms)
  for (const collection of stopped)
    if (await database.isWhole(collection)) return `collection ${collection.name} can be told again`
  return undefined
}

/** The epoch that stands, for a slot that `whyNewEpoch` found nothing against. */
export async function currentEpoch(database: SlotDatabase, slot: string): Promise<Epoch> {
  const epoch = await database.epoch(slot)
  if (epoch === undefined) throw new Error(`The replication slot ${slot} has gone.`)
  return epoch
}

/** Drops what is left of the slot and the publication, and makes both anew under a new epoch. */
export async function newEpoch(
  database: SlotDatabase,
  plan: SlotPlan,
  runtime: Runtime,
  logger: Logger,
): Promise<Epoch> {
  // The row goes first: if this ends half-way, the next start does it all again.
  await database.forgetEpoch(plan.slot)
  await database.dropSlot(plan.slot)
  await database.publish(plan)
  const terms = JSON.stringify(await database.terms(plan))
  const waiting = runtime.timer(2_000, () =>
    logger.warn('Making the replication slot waits for transactions that are open now to end.'),
  )
  try {
    const from = await database.createSlot(plan.slot)
    // A commit is in the WAL first and seen by others later: the last ones before the stream's beginning are not in it,
    // and must not be missing in the first snapshots.
    await database.settled()
    const epoch = epochName(runtime)
    await database.saveEpoch(plan.slot, epoch, terms)
    return { epoch, from }
  } finally {
    waiting.cancel()
  }
}

/** Up to twelve small letters and digits, as the wire position allows. */
function epochName(runtime: Runtime): string {
  const plain = runtime
    .randomText(32)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '')
  return plain.slice(0, 12)
}

/** The default name of a database's slot: names are the whole cluster's, so each database gets its own. */
export function slotNameOf(url: string): string {
  return `lockstep_${databaseOf(url)
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '_')}`.slice(0, 63)
}

function databaseOf(url: string): string {
  try {
    return decodeURIComponent(new URL(url).pathname.slice(1)) || 'postgres'
  } catch {
    return 'postgres' // whoever connects will say what is wrong with the address
  }
}
