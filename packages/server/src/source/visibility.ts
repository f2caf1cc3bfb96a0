/** What a snapshot of Postgres sees: from `pg_current_snapshot()`, xids modulo 2^32. */
export interface Visibility {
  readonly xmin: number
  readonly xmax: number
  readonly inProgress: ReadonlySet<number>
}

/** `xmin:xmax:xip,...` with 64-bit xids; the stream has 32 bits of them. */
export function parseVisibility(text: string): Visibility {
  const [xmin, xmax, xip] = text.split(':')
  if (xmin === undefined || xmax === undefined || xip === undefined) throw new Error('not a snapshot')
  const inProgress = new Set<number>()
  for (const xid of xip.split(',')) if (xid !== '') inProgress.add(low32(xid))
  return { xmin: low32(xmin), xmax: low32(xmax), inProgress }
}

/** Whether a snapshot sees the effects of a committed transaction. Xids are compared modulo 2^32. */
export function isVisible(xid: number, { xmin, xmax, inProgress }: Visibility): boolean {
  if (isBefore(xid, xmin)) return true
  return isBefore(xid, xmax) && !inProgress.has(xid >>> 0)
}

function isBefore(xid: number, other: number): boolean {
  return ((xid - other) | 0) < 0
}

function low32(xid: string): number {
  return Number(BigInt.asUintN(32, BigInt(xid)))
}
