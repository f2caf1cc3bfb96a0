import { ConfigError } from './config-error.ts'

/**
 * citty takes any flag; one that nobody knows is a slip of the keyboard.
 * @throws ConfigError naming the first
 */
export function refuseUnknown(args: object, known: object): void {
  const names = new Set(Object.keys(known).flatMap((name) => [name, camel(name)]))
  const { _: words, ...flags } = { _: [], ...args }
  const unknown = Object.keys(flags).find((name) => !names.has(name))
  if (unknown !== undefined) {
    throw new ConfigError(`There is no flag --${unknown}; --help lists those there are.`)
  }
  // Not quoted: it may be what was meant for a flag, a secret.
  if (words.length > 0) throw new ConfigError('This command takes flags only, such as --name value.')
}

function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
