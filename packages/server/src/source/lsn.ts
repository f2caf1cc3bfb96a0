/** `16/B374D848` as a number. LSNs are byte addresses; they stay below 2^53. */
export function parseLsn(text: string): number {
  const match = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text)
  if (match?.[1] === undefined || match[2] === undefined) throw new Error(`"${text}" is not an LSN`)
  return Number.parseInt(match[1], 16) * 0x1_0000_0000 + Number.parseInt(match[2], 16)
}

/** A number as Postgres writes an LSN. */
export function formatLsn(lsn: number): string {
  const high = Math.floor(lsn / 0x1_0000_0000)
  const low = lsn % 0x1_0000_0000
  return `${high.toString(16).toUpperCase()}/${low.toString(16).toUpperCase()}`
}

/** Reads eight bytes as an LSN (or as any other unsigned number below 2^53). */
export function readLsn(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
}

export function writeLsn(bytes: Buffer, lsn: number, at: number): void {
  bytes.writeUInt32BE(Math.floor(lsn / 0x1_0000_0000), at)
  bytes.writeUInt32BE(lsn % 0x1_0000_0000, at + 4)
}
