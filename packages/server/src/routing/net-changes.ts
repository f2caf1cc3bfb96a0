import { forEachMember } from './json-scan.ts'

/** JSON texts of a row's columns by column number; undefined: not changed, or shown to nobody. */
export type Values = (string | undefined)[]

/** Columns of a collection that one or more views show. */
export interface ShownColumns {
  readonly columns: readonly number[]
  /** In the order of `columns`: `"title":`. */
  readonly names: readonly string[]
}

/**
 * Net effect of one commit on one collection in one channel, as some views see it. Rows are turned into
 * text at once, as flat strings (`join`): a large transaction would otherwise keep every piece of every
 * row alive. Only where a row changes twice is its text taken apart again.
 */
export class NetChanges {
  readonly #shown: ShownColumns
  /** Key to `"key":{...}`. */
  #creates: Map<string, string> | undefined
  #updates: Map<string, string> | undefined
  readonly #destroys = new Lazy()
  /** Keys in `#creates` of rows that were there before: told as a create, but a destroy after it is one. */
  readonly #replaced = new Lazy()

  constructor(shown: ShownColumns) {
    this.#shown = shown
  }

  create(key: string, values: Values): void {
    this.#creates ??= new Map()
    if (this.#destroys.delete(key)) this.#replaced.add(key)
    this.#creates.set(key, rowText(this.#shown, key, values))
  }

  update(key: string, values: Values): void {
    const text = rowText(this.#shown, key, values)
    if (text === '') return // nothing that is shown
    const created = this.#creates?.get(key)
    if (created !== undefined) this.#creates?.set(key, mergeText(this.#shown, key, created, text))
    else {
      this.#updates ??= new Map()
      const updated = this.#updates.get(key)
      this.#updates.set(key, updated === undefined ? text : mergeText(this.#shown, key, updated, text))
    }
  }

  destroy(key: string): void {
    const wasCreated = this.#creates?.delete(key) === true
    if (wasCreated && !this.#replaced.delete(key)) return // it was not there before
    this.#updates?.delete(key)
    this.#destroys.add(key)
  }

  /** `"create":{...},"update":{...},"destroy":[...]` as far as there are any, else the empty string. */
  text(): string {
    const texts: string[] = []
    if (this.#creates?.size) texts.push(`"create":{${[...this.#creates.values()].join(',')}}`)
    if (this.#updates?.size) texts.push(`"update":{${[...this.#updates.values()].join(',')}}`)
    if (this.#destroys.size > 0) texts.push(`"destroy":[${this.#destroys.list().map(quote).join(',')}]`)
    return texts.join(',')
  }
}

/** A set of keys that most transactions have no need of. */
class Lazy {
  #keys: Set<string> | undefined

  get size(): number {
    return this.#keys?.size ?? 0
  }

  add(key: string): void {
    this.#keys ??= new Set()
    this.#keys.add(key)
  }

  delete(key: string): boolean {
    return this.#keys?.delete(key) === true
  }

  list(): readonly string[] {
    return [...(this.#keys ?? [])]
  }
}

/** `"key":{"title":"x"}`, or the empty string where none of the values is shown. */
function rowText({ columns, names }: ShownColumns, key: string, values: Values): string {
  const pieces: string[] = [quote(key), ':{']
  for (let i = 0; i < columns.length; i++) {
    const value = values[columns[i] ?? 0]
    if (value === undefined) continue
    if (pieces.length > 2) pieces.push(',')
    pieces.push(names[i] ?? '', value)
  }
  if (pieces.length === 2) return ''
  pieces.push('}')
  return pieces.join('')
}

/** The text of a row, overlaid with that of a later change of it. */
function mergeText(shown: ShownColumns, key: string, older: string, newer: string): string {
  const texts = new Map<string, string>()
  for (const text of [older, newer]) {
    forEachMember(`{${text}}`, (_, row) => {
      forEachMember(row, (name, value) => texts.set(name, value))
    })
  }
  const members: string[] = []
  shown.names.forEach((opening) => {
    const name: string = JSON.parse(opening.slice(0, -1))
    const value = texts.get(name)
    if (value !== undefined) members.push(opening + value)
  })
  return `${quote(key)}:{${members.join(',')}}`
}

/** A key as JSON text. Most keys are numbers or uuids and need no escape. */
function quote(key: string): string {
  return plain.test(key) ? `"${key}"` : JSON.stringify(key)
}

const plain = /^[\w\-,.:@ ]*$/
