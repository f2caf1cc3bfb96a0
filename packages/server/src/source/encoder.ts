import { encodeTimestamp } from './timestamp.ts'

/**
 * Makes JSON text of Postgres' own text of a value that is not NULL. The stream and the snapshot use the
 * same encoders, so that they cannot disagree.
 */
export type Encoder = (text: string) => string

// Whatever JSON.stringify would leave as it is. Lone surrogates cannot come out of UTF-8.
const plain = /^[ !#-[\]-\u007e\u0080-\ud7ff\ue000-\uffff]*$/

export function encodeText(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** int2, int4: Postgres' text is a JSON number. */
export function encodeInteger(text: string): string {
  return text
}

/** float4, float8: a JSON number; `"NaN"`, `"Infinity"` and `"-Infinity"` as text, which JSON has no number for. */
export function encodeFloat(text: string): string {
  const last = text.charCodeAt(text.length - 1)
  return last >= 48 && last <= 57 ? text : `"${text}"`
}

/** int8, numeric, uuid: digits and letters that need no escape; text, so that no digit is lost. */
export function encodeQuoted(text: string): string {
  return `"${text}"`
}

export function encodeBoolean(text: string): string {
  return text === 't' ? 'true' : 'false'
}

/** json, jsonb: as the database has it, white space included. */
export function encodeJson(text: string): string {
  return text
}

/** bytea: base64 of `\x6869`. */
function encodeBytes(text: string): string {
  return `"${Buffer.from(text.slice(2), 'hex').toString('base64')}"`
}

/** timestamp */
export function encodeLocalTimestamp(text: string): string {
  return encodeTimestamp(text, '')
}

/** timestamptz, in the time zone UTC */
export function encodeZonedTimestamp(text: string): string {
  return encodeTimestamp(text, 'Z')
}

/** Values that these encode are the same text in JSON as in Postgres. */
const literal: ReadonlySet<Encoder> = new Set([encodeText, encodeInteger, encodeQuoted])

/**
 * What makes a key's part of Postgres' own text: the JSON value as text, which is what a client makes of the
 * rows of a snapshot. Undefined: it is that text itself.
 * @see docs/protocol.md P5
 */
export function keyEncoderOf(encoder: Encoder): Encoder | undefined {
  return literal.has(encoder) ? undefined : (text) => String(JSON.parse(encoder(text)))
}

/** By the OIDs of pg_type, which Postgres never changes for built-in types. */
const builtin: ReadonlyMap<number, Encoder> = new Map<number, Encoder>([
  [16, encodeBoolean],
  [17, encodeBytes],
  [20, encodeQuoted], // int8
  [21, encodeInteger],
  [23, encodeInteger],
  [114, encodeJson],
  [700, encodeFloat],
  [701, encodeFloat],
  [1114, encodeLocalTimestamp],
  [1184, encodeZonedTimestamp],
  [1700, encodeQuoted], // numeric
  [2950, encodeQuoted], // uuid
  [3802, encodeJson],
])

export function encoderOfBuiltin(oid: number): Encoder {
  return builtin.get(oid) ?? encodeText
}
