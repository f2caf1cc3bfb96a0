import { type ArrayEncoder, isArrayEncoder } from './array.ts'
import {
  type Encoder,
  encodeBoolean,
  encodeFloat,
  encodeInteger,
  encodeJson,
  encodeLocalTimestamp,
  encodeQuoted,
  encodeText,
  encodeZonedTimestamp,
} from './encoder.ts'
import type { JsonBytes } from './json-bytes.ts'

/**
 * Writes the JSON text of a value from the bytes of Postgres' text of it: the same text as the Encoder that
 * it stands for makes, without making a string of it.
 */
export type ByteEncoder = (from: Buffer, start: number, end: number, to: JsonBytes) => void

const quote = 34
const backslash = 92
const space = 32

/** Integers. */
function copy(from: Buffer, start: number, end: number, to: JsonBytes): void {
  to.copy(from, start, end)
}

/** Digits and letters. */
function quoted(from: Buffer, start: number, end: number, to: JsonBytes): void {
  to.reserve(end - start + 2)
  to.byte(quote)
  to.copy(from, start, end)
  to.byte(quote)
}

function float(from: Buffer, start: number, end: number, to: JsonBytes): void {
  const last = from[end - 1] ?? 0
  if (last >= 48 && last <= 57) to.copy(from, start, end)
  else quoted(from, start, end, to)
}

const trueBytes = Buffer.from('true')
const falseBytes = Buffer.from('false')

function boolean(from: Buffer, start: number, end: number, to: JsonBytes): void {
  const bytes = end - start === 1 && from[start] === 116 ? trueBytes : falseBytes
  to.copy(bytes, 0, bytes.length)
}

/**
 * Per byte: 1 where it needs an escape; or lies beyond ASCII, as a database may hold bytes that are not
 * UTF-8, and those must not go out.
 */
const needsEncoder = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte < space || byte > 127 || byte === quote || byte === backslash ? 1 : 0,
)

/** Text that needs no escape is copied; any other goes through the Encoder. */
function text(from: Buffer, start: number, end: number, to: JsonBytes): void {
  to.reserve(end - start + 2)
  const { bytes } = to
  let at = to.length
  bytes[at++] = quote
  for (let i = start; i < end; i++) {
    const byte = from[i] ?? 0
    if (needsEncoder[byte] === 1) {
      throughText(encodeText, from, start, end, to)
      return
    }
    bytes[at++] = byte
  }
  bytes[at++] = quote
  to.length = at
}

function json(from: Buffer, start: number, end: number, to: JsonBytes): void {
  if (isAscii(from, start, end)) to.copy(from, start, end)
  else throughText(encodeJson, from, start, end, to)
}

const fractionAt = 19
const timeBytes = '2024-02-29T12:30:00.000000'.length

/** `2024-02-29 12:30:00.25+00`: years of four digits, the zone that we ask for. */
function timestamp(encoder: Encoder, zone: number): ByteEncoder {
  return (from, start, end, to) => {
    const timeEnd = zone === 0 ? end : end - 3
    const length = timeEnd - start
    const isPlain =
      length >= fractionAt &&
      length <= timeBytes &&
      from[start + 4] === 45 &&
      from[start + 10] === space &&
      from[end - 1] !== 67 && // BC
      (zone === 0 || from[timeEnd] === 43)
    if (!isPlain) {
      throughText(encoder, from, start, end, to)
      return
    }
    to.reserve(timeBytes + 3)
    const { bytes } = to
    let at = to.length
    bytes[at++] = quote
    for (let i = start; i < timeEnd; i++) bytes[at++] = from[i] ?? 0
    bytes[to.length + 11] = 84 // T
    if (length === fractionAt) bytes[at++] = 46
    const zerosEnd = to.length + 1 + timeBytes
    while (at < zerosEnd) bytes[at++] = 48
    if (zone !== 0) bytes[at++] = zone
    bytes[at++] = quote
    to.length = at
  }
}

const openBrace = 123
const closeBrace = 125
const openBracket = 91
const closeBracket = 93
const comma = 44

/** `{a,b,NULL}`: of one dimension, with no element that Postgres had to quote. */
function array(encoder: ArrayEncoder): ByteEncoder {
  const element = byteEncoderOf(encoder.element)
  const delimiter = encoder.delimiter.charCodeAt(0)
  return (from, start, end, to) => {
    if (end - start < 3 || !isPlainArray(from, start, end, delimiter)) {
      throughText(encoder, from, start, end, to)
      return
    }
    let opening = openBracket
    for (let at = start + 1; at < end; at++) {
      const first = at
      while (from[at] !== delimiter && at < end - 1) at++
      to.byte(opening)
      opening = comma
      if (isNull(from, first, at)) to.copy(nullBytes, 0, nullBytes.length)
      else element(from, first, at, to)
    }
    to.byte(closeBracket)
  }
}

function isPlainArray(from: Buffer, start: number, end: number, delimiter: number): boolean {
  if (from[start] !== openBrace || from[end - 1] !== closeBrace) return false
  let first = start + 1 // of the element
  for (let i = first; i < end; i++) {
    const byte = from[i] ?? 0
    if (byte === delimiter || i === end - 1) {
      if (i === first) return false
      first = i + 1
    } else if (byte === quote || byte === backslash || byte === openBrace) return false
    else if (byte === closeBrace || byte > 127) return false
  }
  return true
}

const nullBytes = Buffer.from('null')

function isNull(from: Buffer, start: number, end: number): boolean {
  return (
    end - start === 4 &&
    from[start] === 78 &&
    from[start + 1] === 85 &&
    from[start + 2] === 76 &&
    from[start + 3] === 76
  )
}

function throughText(encoder: Encoder, from: Buffer, start: number, end: number, to: JsonBytes): void {
  to.text(encoder(from.toString('utf8', start, end)))
}

function isAscii(from: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if ((from[i] ?? 0) > 127) return false
  return true
}

const direct: ReadonlyMap<Encoder, ByteEncoder> = new Map<Encoder, ByteEncoder>([
  [encodeBoolean, boolean],
  [encodeFloat, float],
  [encodeInteger, copy],
  [encodeJson, json],
  [encodeQuoted, quoted],
  [encodeText, text],
  [encodeLocalTimestamp, timestamp(encodeLocalTimestamp, 0)],
  [encodeZonedTimestamp, timestamp(encodeZonedTimestamp, 90)],
])

export function byteEncoderOf(encoder: Encoder): ByteEncoder {
  if (isArrayEncoder(encoder)) return array(encoder)
  return direct.get(encoder) ?? ((from, start, end, to) => throughText(encoder, from, start, end, to))
}
