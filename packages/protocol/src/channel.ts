import { LockstepError } from './errors.ts'
import { channelLengthMax } from './limits.ts'

/**
 * Channel names are segments joined by `/`: `project/1`. A segment is one or more of letters, digits and
 * `-_!~()$@.`; any other character of a value is percent-encoded in UTF-8 when a channel is made from it.
 * @see docs/protocol.md P2
 */
const segmentPattern = /^(?:[A-Za-z0-9\-_!~()$@.]|%[0-9A-F]{2})+$/

export function isChannel(name: unknown): name is string {
  return (
    typeof name === 'string' &&
    name.length > 0 &&
    name.length <= channelLengthMax &&
    name.split('/').every((segment) => segmentPattern.test(segment))
  )
}

/** @throws LockstepError `bad_channel` */
export function assertChannel(name: unknown): asserts name is string {
  if (!isChannel(name)) throw new LockstepError('bad_channel')
}

/**
 * A parsed channel pattern or template: each segment is fixed text or a named parameter.
 * `project/:projectId` as a pattern names parameters; `project/:project_id` as a template names columns.
 */
export interface ChannelPattern {
  readonly source: string
  readonly segments: readonly ChannelSegment[]
}

export type ChannelSegment =
  | { readonly kind: 'fixed'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string }

/** @throws LockstepError `bad_channel` naming what is wrong with the pattern. */
export function parseChannelPattern(source: string): ChannelPattern {
  const segments = source.split('/').map((text): ChannelSegment => {
    if (/^:[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return { kind: 'parameter', name: text.slice(1) }
    if (segmentPattern.test(text)) return { kind: 'fixed', text }
    throw new LockstepError(
      'bad_channel',
      `"${text}" in channel pattern "${source}" is neither text nor :name`,
    )
  })
  return { source, segments }
}

/** Encodes one value as a channel segment; every byte outside the plain set becomes `%XX`. */
export function encodeSegment(value: string): string {
  if (plain.test(value)) return value
  // encodeURIComponent leaves ' and * plain, which are not plain here; lone surrogates become U+FFFD.
  return encodeURIComponent(value.toWellFormed()).replace(/['*]/g, (c) => (c === "'" ? '%27' : '%2A'))
}

const plain = /^[A-Za-z0-9\-_!~()$@.]+$/

/**
 * The channel that a template gives for these values, or undefined where a value is null or empty: such a
 * row is in no channel.
 */
export function fillChannel(
  template: ChannelPattern,
  value: (parameter: string) => string | null,
): string | undefined {
  let channel = ''
  for (const segment of template.segments) {
    if (channel !== '') channel += '/'
    if (segment.kind === 'fixed') channel += segment.text
    else {
      const text = value(segment.name)
      if (text === null || text === '') return undefined
      channel += encodeSegment(text)
    }
  }
  return channel
}

/** The decoded parameters of a channel under a pattern, on an object without prototype; or undefined. */
export function matchChannel(pattern: ChannelPattern, channel: string): Record<string, string> | undefined {
  const texts = channel.split('/')
  if (texts.length !== pattern.segments.length) return undefined
  const params: Record<string, string> = Object.create(null)
  for (let i = 0; i < texts.length; i++) {
    const segment = pattern.segments[i]
    const text = texts[i]
    if (segment === undefined || text === undefined) return undefined
    if (segment.kind === 'fixed') {
      if (segment.text !== text) return undefined
    } else {
      const decoded = decodeSegment(text)
      // Only the canonical spelling names a channel: "%41" must not be a second name of "A".
      if (decoded === undefined || encodeSegment(decoded) !== text) return undefined
      params[segment.name] = decoded
    }
  }
  return params
}

function decodeSegment(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined // %XX that is not UTF-8: nobody's channel
  }
}

/** Whether a template can only make channels that the pattern matches: same length, same fixed text. */
export function templateFits(template: ChannelPattern, pattern: ChannelPattern): boolean {
  return (
    template.segments.length === pattern.segments.length &&
    template.segments.every((segment, i) => {
      const other = pattern.segments[i]
      if (other === undefined) return false
      if (segment.kind === 'fixed') return other.kind === 'parameter' || other.text === segment.text
      return other.kind === 'parameter'
    })
  )
}
