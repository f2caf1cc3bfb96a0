import { readFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ConfigError, textOf } from './config-error.ts'

/**
 * What a module exports, by name; of a JSON file its fields. TypeScript is loaded by `jiti`, since not every Node
 * that we run on can: its types are taken off, not checked.
 * @throws ConfigError
 */
export async function loadModule(path: string): Promise<ReadonlyMap<string, unknown>> {
  const file = resolve(path)
  try {
    return new Map(Object.entries(await load(file)))
  } catch (cause) {
    throw new ConfigError(`${path} cannot be loaded: ${textOf(cause)}`, { cause })
  }
}

async function load(file: string): Promise<object> {
  const extension = extname(file)
  if (extension === '.json') return parsed(await readFile(file, 'utf8'))
  if (/^\.[cm]?tsx?$/.test(extension)) {
    const { createJiti } = await import('jiti')
    // Nothing is kept on disk: a folder that cannot be written must not matter.
    const jiti = createJiti(import.meta.url, { fsCache: false, moduleCache: false, interopDefault: false })
    return jiti.import<object>(file)
  }
  return import(pathToFileURL(file).href)
}

function parsed(text: string): object {
  const value: unknown = JSON.parse(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new Error('it is not a JSON object')
}
