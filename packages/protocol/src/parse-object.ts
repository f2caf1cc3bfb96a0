import { LockstepError } from './errors.ts'
import { clientMessageDepthMax } from './limits.ts'

/** Own fields of a JSON object as a Map: `__proto__` and `constructor` are plain names in it. */
export function parseObject(text: string): ReadonlyMap<string, unknown> {
  // JSON.parse recurses natively and is safe at any depth in V8, but what it returns is not safe to walk.
  if (depthOf(text) > clientMessageDepthMax)
    throw new LockstepError('bad_request', 'The message is nested too deep.')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new LockstepError('bad_request', 'The message is not JSON.', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LockstepError('bad_request', 'A message is a JSON object.')
  }
  return new Map<string, unknown>(Object.entries(value))
}

/** Deepest nesting of brackets outside strings; text that is not JSON gives some number. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (inString) {
      if (c === 92 /* \ */) i++
      else if (c === 34 /* " */) inString = false
    } else if (c === 34) inString = true
    else if (c === 123 || c === 91) deepest = Math.max(deepest, ++depth)
    else if (c === 125 || c === 93) depth--
  }
  return deepest
}
