/** One thing that keeps Lockstep from running against this database, and what to do about it. */
export interface Fault {
  readonly code: FaultCode
  /** What is wrong and what to do, for the operator. */
  readonly message: string
  /** The SQL that mends it, to be run by the table's owner or a superuser. */
  readonly sql?: string
}

export type FaultCode =
  | 'bad_url'
  | 'unreachable'
  | 'wrong_password'
  | 'not_let_in'
  | 'bad_certificate'
  | 'no_database'
  | 'too_old'
  | 'in_recovery'
  | 'read_only'
  | 'pooler'
  | 'wal_level'
  | 'no_replication_privilege'
  | 'no_create_privilege'
  | 'no_slots_left'
  | 'no_walsenders_left'
  | 'no_table'
  | 'not_a_table'
  | 'no_column'
  | 'generated_column'
  | 'not_owner'
  | 'no_select_privilege'
  | 'key_not_unique'
  | 'key_type'
  | 'replica_identity'
  | 'row_security'
  | 'slot_busy'
  | 'slot_taken'
  | 'port_in_use'
  | 'wrong_version'
  | 'data_folder'
  | 'no_binaries'
  | 'postgres_failed'

/** Something to know that does not keep Lockstep from running. */
export interface Note {
  readonly code: 'synchronous_commit' | 'row_security' | 'partitions' | 'unlogged'
  readonly message: string
  readonly sql?: string
}

/** The database cannot be used as it is. The message reads well in a terminal; `faults` are for programs. */
export class SetupError extends Error {
  override readonly name = 'SetupError'
  readonly faults: readonly Fault[]

  constructor(faults: readonly Fault[], options?: { cause?: unknown }) {
    super(describeFaults(faults), options)
    this.faults = faults
  }
}

function describeFaults(faults: readonly Fault[]): string {
  const texts = faults.map(({ message, sql }) => {
    const lines = sql === undefined ? '' : `\n\n    ${sql.split('\n').join('\n    ')}\n`
    return message + lines
  })
  if (texts.length === 1) return texts.join('')
  return `The database is not ready for Lockstep:\n${texts.map((text) => `\n- ${text}`).join('\n')}`
}
