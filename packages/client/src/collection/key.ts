import { joinKey, type Row } from '@lockstep/protocol'
import type { Key } from './collection.ts'

/** The key's text. A text is taken as it is, so that keys from `Changes` work. */
export function keyText(key: Key): string {
  return joinKey([key].flat().map(String))
}

/** The key's text of a row or of attributes; undefined where a key column has no value. */
export function keyOfRow(row: Row, columns: readonly string[]): string | undefined {
  const parts = columns.map((column) => row[column] ?? undefined)
  return parts.includes(undefined) ? undefined : joinKey(parts.map(String))
}

/** What a row is called until the server has named it. */
export const temporaryPrefix = 'tmp:'
