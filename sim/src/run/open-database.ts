import type { Scheduler } from '../clock/scheduler.ts'
import { epochMs } from '../clock/wall-clock.ts'
import { bankTables } from '../postgres/bank-tables.ts'
import type { Database } from '../postgres/database.ts'
import { PostgresModel } from '../postgres/model.ts'
import type { TableDefinition } from '../postgres/table.ts'
import type { Schedule } from '../schedule/schedule.ts'

/** Tables of the bank that nobody is told of: the idempotency keys of its clients, and numbers of its own. */
const privateTables: readonly TableDefinition[] = [
  {
    name: 'mutations',
    key: 'id',
    identity: 'full',
    columns: [
      { name: 'id', type: 'text' },
      { name: 'fingerprint', type: 'text' },
      { name: 'response', type: 'text' },
    ],
  },
  {
    name: 'numbers',
    key: 'id',
    identity: 'full',
    columns: [
      { name: 'id', type: 'text' },
      { name: 'n', type: 'int' },
    ],
  },
]

/**
 * Numbers of the size of ms since 1970 have so many steps to a ms: its clock goes by them, or what is due would be a
 * little before its time, and asked for again, for ever.
 */
const ticksPerMs = 4_096

const tick = (scheduler: Scheduler): number => Math.floor(scheduler.now * ticksPerMs) / ticksPerMs

export function openDatabase(scheduler: Scheduler, { seed, setting }: Schedule): Database {
  return new PostgresModel({
    clock: {
      now: () => epochMs + tick(scheduler),
      after: (ms, run) => scheduler.at(tick(scheduler) + Math.ceil(ms * ticksPerMs) / ticksPerMs, run),
    },
    seed,
    tables: [...bankTables, ...privateTables],
    walKeepBytesMax: setting.walKeepBytesMax,
  })
}
