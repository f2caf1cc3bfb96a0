import { LockstepError } from '@lockstep/protocol'

/** What is left of a value when it has been JSON: dates are text, functions and `undefined` are gone. */
export type Recorded<T> = 0 extends 1 & T
  ? T // `any` stays `any`; spelled out it would not end
  : T extends { toJSON(): infer J }
    ? Recorded<J>
    : T extends string | number | boolean | null | undefined
      ? T
      : T extends readonly (infer E)[]
        ? Recorded<E>[]
        : T extends object
          ? { [K in keyof T]: Recorded<T[K]> }
          : T

/**
 * A response as it is recorded: JSON text, or null for a function that returned nothing.
 * @throws TypeError for a value that JSON cannot tell, `too_large`
 */
export function recordedText(value: unknown, bytesMax: number): string | null {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw new TypeError('What a write returns must be JSON: no bigint, no cycle.', { cause })
  }
  if (text === undefined) return null
  if (Buffer.byteLength(text) > bytesMax) {
    throw new LockstepError('too_large', `The response is larger than ${bytesMax} bytes.`)
  }
  return text
}

export function recordedValue<T>(text: string | null): Recorded<T> {
  // The text was made from a T by `recordedText`, which is what Recorded<T> describes.
  return (text === null ? undefined : JSON.parse(text)) as Recorded<T>
}
