import type { Json } from '@lockstep/protocol'

/** Whether two JSON values are the same. */
export function equal(a: Json | undefined, b: Json | undefined): boolean {
  if (a === b) return true
  // `Object` returns objects as they are, and of everything else makes one.
  if (Object(a) !== a || Object(b) !== b || Array.isArray(a) !== Array.isArray(b)) return false
  // Arrays are compared as objects with numbers for names.
  const left = a as Readonly<Record<string, Json>>
  const right = b as Readonly<Record<string, Json>>
  const names = Object.keys(left)
  if (names.length !== Object.keys(right).length) return false
  return names.every((name) => name in right && equal(left[name], right[name]))
}
