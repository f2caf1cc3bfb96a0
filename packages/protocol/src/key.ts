/**
 * The key of a row as text: the key column's text; for a key of several columns their texts joined by
 * `,`, with `%` and `,` inside a part written as `%25` and `%2C`. @see docs/protocol.md P5
 */
export function joinKey(parts: readonly string[]): string {
  const only = parts[0]
  if (parts.length === 1 && only !== undefined) return only
  return parts.map((part) => part.replace(/[%,]/g, (c) => (c === '%' ? '%25' : '%2C'))).join(',')
}
