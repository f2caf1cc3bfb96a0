import { type Json, joinKey, type Row } from '@lockstep/protocol'
import type { Key } from './collection.ts'

/** The key's text. A text is taken as it is, so that keys from `Changes` work. */
export function keyText(key: Key): string {
  return typeof key === 'object' ? joinKey(key.map(String)) : String(key)
}

/** The key's text of a row or of attributes; undefined where a key column has no value. */
export function keyOfRow(row: Row, columns: readonly string[]): string | undefined {
  const parts: string[] = []
  for (const column of columns) {
    const value: Json | undefined = row[column]
    if (value === undefined || value === null) return undefined
    parts.push(String(value))
  }
  return joinKey(parts)
}

/** What a row is called until the server has named it. */
export const temporaryPrefix = 'tmp:'
