import type { CollectionPlan } from './plan.ts'

/** JSON texts of a row's columns by column number; undefined: not changed, or shown to nobody. */
export type Values = (string | undefined)[]

/**
 * What became of one key within a commit. `replace` is a destroy followed by a create: to the channel it
 * is told as a create, but a destroy after it is one, and not nothing.
 */
type Kind = 'create' | 'update' | 'destroy' | 'replace'

interface RowChange {
  kind: Kind
  values: Values
}

/**
 * Net effect of one commit on one collection in one channel. The channels that a row is in may share its
 * values: a later change of the row goes to all of them, and one that it leaves lets go of them.
 */
export class NetChanges {
  readonly #plan: CollectionPlan
  readonly #rows = new Map<string, RowChange>()

  constructor(plan: CollectionPlan) {
    this.#plan = plan
  }

  create(key: string, values: Values): void {
    const row = this.#rows.get(key)
    if (row === undefined) this.#rows.set(key, { kind: 'create', values })
    else {
      row.kind = row.kind === 'create' ? 'create' : 'replace'
      row.values = values
    }
  }

  update(key: string, values: Values): void {
    const row = this.#rows.get(key)
    if (row === undefined) this.#rows.set(key, { kind: 'update', values })
    else {
      for (let column = 0; column < values.length; column++) {
        const value = values[column]
        if (value !== undefined) row.values[column] = value
      }
    }
  }

  destroy(key: string): void {
    const row = this.#rows.get(key)
    if (row?.kind === 'create') this.#rows.delete(key)
    else this.#rows.set(key, { kind: 'destroy', values: [] })
  }

  /** `"items":{...}` of the `changes` object for a view, or the empty string where it sees no change. */
  text(view: number): string {
    const columns = this.#plan.views[view]
    if (columns === undefined) return ''
    let create = ''
    let update = ''
    let destroy = ''
    for (const [key, { kind, values }] of this.#rows) {
      if (kind === 'destroy') {
        destroy += (destroy === '' ? '"destroy":[' : ',') + quote(key)
        continue
      }
      const members = membersText(this.#plan.names, columns, values)
      if (members === '') continue // nothing that this view sees
      if (kind === 'update') update += `${update === '' ? '"update":{' : ','}${quote(key)}:{${members}}`
      else create += `${create === '' ? '"create":{' : ','}${quote(key)}:{${members}}`
    }
    let text = ''
    if (create !== '') text = `${create}}`
    if (update !== '') text += `${text === '' ? '' : ','}${update}}`
    if (destroy !== '') text += `${text === '' ? '' : ','}${destroy}]`
    return text === '' ? '' : `${this.#plan.opening}${text}}`
  }
}

function membersText(names: readonly string[], columns: readonly number[], values: Values): string {
  let text = ''
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i] ?? 0
    const value = values[column]
    if (value === undefined) continue
    text = text === '' ? `${names[column]}${value}` : `${text},${names[column]}${value}`
  }
  return text
}

/** A key as JSON text. Most keys are numbers or uuids and need no escape. */
function quote(key: string): string {
  return plain.test(key) ? `"${key}"` : JSON.stringify(key)
}

const plain = /^[\w\-,.:@ ]*$/
