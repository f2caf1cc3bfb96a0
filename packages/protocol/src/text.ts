/** Text that people may be shown: neither control characters nor halves of characters. */
export function isText(value: unknown, lengthMax: number): value is string {
  return (
    typeof value === 'string' && value.length <= lengthMax && value.isWellFormed() && !/\p{Cc}/u.test(value)
  )
}
