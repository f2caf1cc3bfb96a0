import type { Json } from '@lockstep/protocol'

/** Whether two JSON values are the same. */
export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  // Arrays are compared as objects with numbers for names.
  const left = a as Readonly<Record<string, Json>>
  const right = b as Readonly<Record<string, Json>>
  return names.every((name) => name in right && equal(left[name], right[name]))
}
