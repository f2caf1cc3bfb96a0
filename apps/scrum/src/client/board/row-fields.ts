import type { Collection } from '@lockstep/client'
import type { Doing } from './doing.ts'

interface FieldChange<R> {
  readonly rows: Collection<R & object>
  readonly row: R & { readonly id: number }
  readonly change: Partial<R>
  /** Begins the sentence that tells a refusal. */
  readonly failure: string
  /** Finishes `Undo: …`. */
  readonly label: string
  /** A refused text can be edited again. */
  readonly draft?: { readonly key: string; readonly text: string; readonly base: string }
}

/**
 * Changes fields of one row; taken back, they get their old values, unless somebody has changed them since
 * or the row is gone.
 */
export function changeFields<R extends object>(
  doing: Doing,
  { rows, row, change, failure, label, draft }: FieldChange<R>,
): void {
  const fields = Object.keys(change) as (keyof R)[]
  const before: Partial<R> = {}
  for (const field of fields) before[field] = row[field]
  const key = `${rows.name}/${row.id}`
  doing.run({
    key,
    failure,
    write: rows.update(row.id, change),
    ...(draft !== undefined && { recovery: doing.redraft(draft.key, draft.text, draft.base) }),
    undo: {
      label,
      run: () => {
        const now = rows.get(row.id)
        if (now === undefined) return 'it is gone.'
        // A rank may have been made another one than was asked for; an old place can be given back anyway.
        const kept = fields.every((field) => field === 'position' || now[field] === change[field])
        if (!kept) return 'it was changed since.'
        doing.run({ key, failure: 'Not undone', write: rows.update(row.id, before) })
        return undefined
      },
    },
  })
}
