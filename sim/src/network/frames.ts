/** What a browser makes of a frame. */
export interface Heard {
  readonly opcode: number
  readonly payload: Buffer
}

export const textOpcode = 1
export const closeOpcode = 8
export const pingOpcode = 9

/** Puts the frames of a server together from the pieces in which they arrive; part of one is none (RFC 6455, 5.2). */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)

  /** @throws Error for bytes that no server of ours may send */
  take(bytes: Buffer): Heard[] {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const frames: Heard[] = []
    let at = 0
    for (;;) {
      const frame = frameAt(all, at)
      if (frame === undefined) break
      frames.push({ opcode: frame.opcode, payload: all.subarray(frame.start, frame.end) })
      at = frame.end
    }
    this.#rest = all.subarray(at)
    return frames
  }
}

function frameAt(bytes: Buffer, at: number): { opcode: number; start: number; end: number } | undefined {
  if (bytes.length < at + 2) return undefined
  const first = bytes.readUInt8(at)
  const second = bytes.readUInt8(at + 1)
  if ((first & 0xf0) !== 0x80) throw new Error(`a frame begins with ${first}`)
  if (second > 127) throw new Error('a frame of a server is masked')
  let start = at + 2
  let length = second
  if (second === 126) {
    if (bytes.length < at + 4) return undefined
    length = bytes.readUInt16BE(at + 2)
    start += 2
  } else if (second === 127) {
    if (bytes.length < at + 10) return undefined
    length = bytes.readUInt32BE(at + 2) * 0x1_0000_0000 + bytes.readUInt32BE(at + 6)
    start += 8
  }
  const end = start + length
  return bytes.length < end ? undefined : { opcode: first & 0x0f, start, end }
}

export const pingFrame: Buffer = Buffer.from([0x80 | pingOpcode, 0])

export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason)
  const frame = Buffer.alloc(4 + text.length)
  frame[0] = 0x80 | closeOpcode
  frame[1] = 2 + text.length
  frame.writeUInt16BE(code, 2)
  text.copy(frame, 4)
  return frame
}

export function readClose(payload: Buffer): { readonly code: number; readonly reason: string } {
  return payload.length < 2
    ? { code: 1005, reason: '' }
    : { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) }
}
