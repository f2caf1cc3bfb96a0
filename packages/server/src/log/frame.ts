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

/** Frames that are kept for long (`lasting`) have memory of their own. */
export function encodeFrame(json: string, lasting = false): Frame {
  const frame = openFrame(Buffer.byteLength(json), lasting)
  frame.bytes.write(json, frame.payloadStart)
  return frame
}

/** A frame of a head, pieces that are UTF-8 already, and a tail. */
export function joinFrame(head: string, pieces: readonly Buffer[], tail: string): Frame {
  let length = Buffer.byteLength(head) + Buffer.byteLength(tail)
  for (const piece of pieces) length += piece.length
  const frame = openFrame(length, false)
  const { bytes, payloadStart } = frame
  let at = payloadStart + bytes.write(head, payloadStart)
  for (const piece of pieces) {
    if (piece.length > loopLengthMax) at += piece.copy(bytes, at)
    else for (let i = 0; i < piece.length; i++) bytes[at++] = piece[i] ?? 0
  }
  bytes.write(tail, at)
  return frame
}

/** Pieces up to this length are copied by a loop, which is quicker than a call out of JavaScript. */
const loopLengthMax = 48

export function payloadOf(frame: Frame): string {
  return frame.bytes.toString('utf8', frame.payloadStart)
}

/** A frame with its header, for a payload of this length. */
function openFrame(length: number, lasting: boolean): Frame {
  const payloadStart = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const size = payloadStart + length
  const bytes = lasting ? Buffer.allocUnsafeSlow(size) : allocate(size)
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
  return { bytes, payloadStart }
}

const slabBytes = 65_536
const sharedBytesMax = 8_192
let slab = Buffer.alloc(0)
let slabUsed = 0

/**
 * Small frames share slabs, which live as long as the last frame in them: right for messages, which come
 * and go in order. A piece of memory for each would cost more than all else that is done for a frame.
 */
function allocate(size: number): Buffer {
  if (size > sharedBytesMax) return Buffer.allocUnsafeSlow(size)
  if (slabUsed + size > slab.length) {
    slab = Buffer.allocUnsafeSlow(slabBytes)
    slabUsed = 0
  }
  const start = slabUsed
  slabUsed += size
  return slab.subarray(start, slabUsed)
}
