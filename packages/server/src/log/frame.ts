/**
 * A message encoded once: UTF-8 JSON behind a ready WebSocket header (RFC 6455 section 5.2, unmasked, one
 * text frame). Carriers other than WebSocket take the payload part.
 */
export interface Frame {
  /** Header and payload. Shared by all connections: never written to. */
  readonly bytes: Buffer
  /** Where the payload begins: 2, 4 or 10. */
  readonly payloadStart: number
}

/**
 * Small frames share slabs of 8 kB, which live as long as the last frame in them: right for messages, which
 * come and go in order, and not for what is kept for long (`lasting`).
 */
export function encodeFrame(json: string, lasting = false): Frame {
  const length = Buffer.byteLength(json)
  const payloadStart = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const size = payloadStart + length
  const bytes = lasting || size >= 1024 ? Buffer.allocUnsafeSlow(size) : Buffer.allocUnsafe(size)
  bytes[0] = 0x81
  if (payloadStart === 2) bytes[1] = length
  else if (payloadStart === 4) {
    bytes[1] = 126
    bytes.writeUInt16BE(length, 2)
  } else {
    bytes[1] = 127
    bytes.writeUInt32BE(Math.floor(length / 0x1_0000_0000), 2)
    bytes.writeUInt32BE(length >>> 0, 6)
  }
  bytes.write(json, payloadStart)
  return { bytes, payloadStart }
}

export function payloadOf(frame: Frame): string {
  return frame.bytes.toString('utf8', frame.payloadStart)
}
