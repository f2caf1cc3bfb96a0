import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { compileSync } from '../definition/compile.ts'
import type { Sync, SyncDefinition } from '../definition/definition.ts'

/** What the operator gave cannot be used; the message says what to give instead. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/**
 * The sync definition that a module exports, checked.
 * @throws ConfigError
 */
export async function loadSync(path: string, exportName: string): Promise<Sync> {
  const exports = await importModule(path)
  const definition = exports.get(exportName)
  if (!isDefinition(definition)) {
    const names = [...exports.keys()].join(', ') || 'nothing'
    throw new ConfigError(
      `${path} has no export "${exportName}" made by defineSync (it exports ${names}). Name another one with --export.`,
    )
  }
  try {
    return compileSync(definition)
  } catch (cause) {
    throw new ConfigError(`${path}: ${textOf(cause)}`, { cause })
  }
}

async function importModule(path: string): Promise<ReadonlyMap<string, unknown>> {
  try {
    return new Map<string, unknown>(Object.entries(await import(pathToFileURL(resolve(path)).href)))
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
    if (
      /\.[cm]?tsx?$/.test(path) &&
      (code === 'ERR_UNKNOWN_FILE_EXTENSION' || cause instanceof SyntaxError)
    ) {
      throw new ConfigError(
        `This Node (${process.version}) cannot load TypeScript: give the built module, such as dist/sync.js, not ${path}.`,
        { cause },
      )
    }
    throw new ConfigError(`${path} cannot be loaded: ${textOf(cause)}`, { cause })
  }
}

function isDefinition(value: unknown): value is SyncDefinition {
  return typeof value === 'object' && value !== null && 'channels' in value && 'collections' in value
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
