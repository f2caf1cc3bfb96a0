import type { JsonBytes } from '../source/json-bytes.ts'
import type { Tuple } from '../source/source.ts'
import type { ShownColumns } from './net-changes.ts'
import type { CollectionPlan } from './plan.ts'
import type { RowTexts } from './row-texts.ts'

/**
 * Writes the whole row, once for each set of columns that views show.
 * @returns the length of its texts; -1, with nothing written, where a value is in neither version.
 */
export function writeRow(
  rows: RowTexts,
  plan: CollectionPlan,
  key: string,
  after: Tuple,
  before: Tuple | null,
): number {
  const first = rows.next
  let size = 0
  for (const shown of plan.shownColumns) {
    if (!writeWhole(rows.json, shown, key, after, before)) {
      rows.cut(first)
      return -1
    }
    size += rows.end()
  }
  return size
}

/**
 * Writes what an update changed, once for each set of columns that views show: empty where nothing of it
 * is shown. What is not held did not change; what `before` does not hold may have.
 * @returns the length of its texts.
 */
export function writeChanges(
  rows: RowTexts,
  plan: CollectionPlan,
  key: string,
  after: Tuple,
  before: Tuple | null,
): number {
  let size = 0
  for (const shown of plan.shownColumns) {
    writeChanged(rows.json, shown, key, after, before)
    size += rows.end()
  }
  return size
}

function writeWhole(
  json: JsonBytes,
  { columns, names }: ShownColumns,
  key: string,
  after: Tuple,
  before: Tuple | null,
): boolean {
  writeKey(json, key)
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i] ?? 0
    const name = names[i] ?? nameless
    json.copy(name, i === 0 ? 1 : 0, name.length)
    if (!after.write(column, json) && before?.write(column, json) !== true) return false
  }
  closeRow(json)
  return true
}

function writeChanged(
  json: JsonBytes,
  { columns, names }: ShownColumns,
  key: string,
  after: Tuple,
  before: Tuple | null,
): void {
  let isBegun = false
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i] ?? 0
    if (!after.has(column) || before?.same(after, column)) continue
    if (!isBegun) writeKey(json, key)
    const name = names[i] ?? nameless
    json.copy(name, isBegun ? 0 : 1, name.length)
    isBegun = true
    after.write(column, json)
  }
  if (isBegun) closeRow(json)
}

/** `"17":{` */
function writeKey(json: JsonBytes, key: string): void {
  if (isPlain(key)) {
    json.byte(quoteMark)
    json.text(key)
    json.byte(quoteMark)
  } else json.text(JSON.stringify(key))
  json.byte(colon)
  json.byte(openBrace)
}

function closeRow(json: JsonBytes): void {
  json.byte(closeBrace)
  json.byte(comma)
}

const nameless = Buffer.alloc(0)
const comma = 44
const quoteMark = 34
const colon = 58
const openBrace = 123
const closeBrace = 125

/** A key as JSON text. */
export function quote(key: string): string {
  return isPlain(key) ? `"${key}"` : JSON.stringify(key)
}

/** Whether the key needs no escape: most are numbers or uuids. */
function isPlain(key: string): boolean {
  for (let i = 0; i < key.length; i++) if (plainCodes[key.charCodeAt(i)] !== 1) return false
  return true
}

/** Per character code: 1 for those of most keys. */
const plainCodes = Uint8Array.from({ length: 128 }, (_, code) =>
  /[\w\-,.:@ ]/.test(String.fromCharCode(code)) ? 1 : 0,
)
