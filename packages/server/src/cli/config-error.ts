/** What the operator gave cannot be used; the message says what to give instead. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
