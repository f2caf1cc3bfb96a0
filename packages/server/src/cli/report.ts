import type { Fault, Note, SetupReport } from '../setup/setup.ts'

/** A report as lines for a terminal: what was done, what is to know, what is wrong with the SQL that mends it. */
export function reportText(report: SetupReport): string {
  const { applied, faults, notes } = report
  const parts = [
    ...applied.map((sql) => `done:  ${sql}`),
    ...notes.map((note) => `note:  ${entryText(note)}`),
    ...faults.map((fault) => `fault: ${entryText(fault)}`),
    faults.length === 0
      ? 'The database is ready for Lockstep.'
      : `${faults.length} ${faults.length === 1 ? 'fault' : 'faults'} to mend.`,
  ]
  return parts.join('\n')
}

function entryText({ message, sql }: Fault | Note): string {
  return sql === undefined ? message : `${message}\n\n    ${sql.split('\n').join('\n    ')}\n`
}
