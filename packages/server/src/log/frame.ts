/**
 * A message encoded once: UTF-8 JSON behind a ready WebSocket header (RFC 6455 section 5.2, unmasked, one
 * text frame). Carriers other than WebSocket take the payload part. The log holds very many of them: what
 * is kept of one is its place in memory that it may share with others.
 */
export class Frame {
  /** Where header and payload lie. Never written to once it is made. */
  readonly memory: Buffer
  readonly start: number
  readonly length: number

  constructor(memory: Buffer, start: number, length: number) {
    this.memory = memory
    this.start = start
    this.length = length
  }

  /** Header and payload. */
  get bytes(): Buffer {
    return this.memory.subarray(this.start, this.start + this.length)
  }

  /** Where the payload begins in `bytes`. */
  get payloadStart(): number {
    return this.length < 2 + 126 ? 2 : this.length < 4 + 65_536 ? 4 : 10
  }
}

/** Frames that are kept for long (`lasting`) have memory of their own. */
export function encodeFrame(json: string, lasting = false): Frame {
  const frame = openFrame(Buffer.byteLength(json), lasting)
  frame.memory.write(json, frame.start + frame.payloadStart)
  return frame
}

/** A frame of a head, pieces that are UTF-8 already, and a tail. */
export function joinFrame(head: string, pieces: readonly Buffer[], tail: string): Frame {
  let length = Buffer.byteLength(head) + Buffer.byteLength(tail)
  for (const piece of pieces) length += piece.length
  const frame = openFrame(length, false)
  const { memory } = frame
  let at = frame.start + frame.payloadStart
  at += memory.write(head, at)
  for (const piece of pieces) {
    if (piece.length > loopLengthMax) at += piece.copy(memory, at)
    else for (let i = 0; i < piece.length; i++) memory[at++] = piece[i] ?? 0
  }
  memory.write(tail, at)
  return frame
}

/** Pieces up to this length are copied by a loop, which is quicker than a call out of JavaScript. */
const loopLengthMax = 48

export function payloadOf(frame: Frame): string {
  const end = frame.start + frame.length
  return frame.memory.toString('utf8', frame.start + frame.payloadStart, end)
}

/** A frame with its header, for a payload of this length. */
function openFrame(length: number, lasting: boolean): Frame {
  const frame = allocate(length + (length < 126 ? 2 : length < 65_536 ? 4 : 10), lasting)
  const { memory, start, payloadStart } = frame
  memory[start] = 0x81
  if (payloadStart === 2) memory[start + 1] = length
  else if (payloadStart === 4) {
    memory[start + 1] = 126
    memory.writeUInt16BE(length, start + 2)
  } else {
    memory[start + 1] = 127
    memory.writeUInt32BE(Math.floor(length / 0x1_0000_0000), start + 2)
    memory.writeUInt32BE(length >>> 0, start + 6)
  }
  return frame
}

const slabBytes = 65_536
const sharedBytesMax = 8_192
let slab = Buffer.alloc(0)
let slabUsed = 0

/**
 * Small frames share slabs, which live as long as the last frame in them: right for messages, which come
 * and go in order. A piece of memory for each would cost more than all else that is done for a frame.
 */
function allocate(size: number, lasting: boolean): Frame {
  if (lasting || size > sharedBytesMax) return new Frame(Buffer.allocUnsafeSlow(size), 0, size)
  if (slabUsed + size > slab.length) {
    slab = Buffer.allocUnsafeSlow(slabBytes)
    slabUsed = 0
  }
  slabUsed += size
  return new Frame(slab, slabUsed - size, size)
}
