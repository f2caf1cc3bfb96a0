import type { ColumnType } from './table.ts'

/** OIDs of pg_type. */
export const typeOids: Readonly<Record<ColumnType, number>> = { bool: 16, int: 23, text: 25, jsonb: 3802 }

/** A value as Postgres writes it; null for NULL. */
export function textOf(type: ColumnType | undefined, value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (type === 'bool') return value === true ? 't' : 'f'
  if (type === 'jsonb') return jsonbText(value)
  return String(value)
}

/** jsonb has no order of its own: keys stand by length, then by bytes, with one space after each sign. */
export function jsonbText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonbText).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  members.sort(([a], [b]) => {
    const [x, y] = [Buffer.from(a), Buffer.from(b)]
    return x.length - y.length || x.compare(y)
  })
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}: ${jsonbText(member)}`).join(', ')}}`
}
