/**
 * The key of a row as text: the key column's text; for a key of several columns their texts joined by
 * `,`, with `%` and `,` inside a part written as `%25` and `%2C`. @see docs/protocol.md P5
 */
export function joinKey(parts: readonly string[]): string {
  if (parts.length === 1) return parts.join()
  return parts.map((part) => part.replace(/[%,]/g, (c) => (c === '%' ? '%25' : '%2C'))).join(',')
}
