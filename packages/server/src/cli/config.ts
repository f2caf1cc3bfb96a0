import { existsSync } from 'node:fs'
import { compileSync } from '../definition/compile.ts'
import type { ChannelRule, CollectionRule, Sync, SyncDefinition } from '../definition/definition.ts'
import { ConfigError, textOf } from './config-error.ts'
import { loadModule } from './load.ts'
import type { LockstepConfig } from './lockstep-config.ts'

/** Where a config is looked for, in this order. */
export const configFiles: readonly string[] = ['ts', 'mts', 'js', 'mjs', 'json'].map(
  (extension) => `lockstep.config.${extension}`,
)

/** @throws ConfigError where there is none, or it cannot be used */
export async function loadConfig(given: string | undefined, exportName: string): Promise<LockstepConfig> {
  const path = given ?? configFiles.find((file) => existsSync(file))
  if (path === undefined) {
    throw new ConfigError(
      'There is no lockstep.config.ts (or .js, .mjs, .json) here. Make one that exports the sync definition, or name it with --config.',
    )
  }
  const config = configOf(path, await loadModule(path), exportName)
  checked(path, config.sync)
  return config
}

/**
 * The sync definition that a module exports, checked.
 * @throws ConfigError
 */
export async function loadSync(path: string, exportName: string): Promise<Sync> {
  return checked(path, configOf(path, await loadModule(path), exportName).sync)
}

function configOf(path: string, exports: ReadonlyMap<string, unknown>, exportName: string): LockstepConfig {
  if (path.endsWith('.json')) return jsonConfig(path, exports)
  const named = exports.get(exportName)
  const whole = exports.get('default')
  // The whole config where there is one; a module with nothing but the definition is one too.
  if (exportName === 'sync' && isConfig(whole)) return whole
  if (isDefinition(named)) return { sync: named }
  const names = [...exports.keys()].join(', ') || 'nothing'
  throw new ConfigError(
    `${path} has no export "${exportName}" made by defineSync (it exports ${names}). Name another one with --export.`,
  )
}

/**
 * JSON has no functions: a channel may be seen by the sessions that were issued for it by name, and only a backend
 * with the secret issues sessions. `channels` is a list of patterns.
 */
function jsonConfig(path: string, fields: ReadonlyMap<string, unknown>): LockstepConfig {
  const { channels, collections = {}, ...rest } = Object.fromEntries(fields)
  if (!isTexts(channels)) {
    throw new ConfigError(`${path}: "channels" is a list of patterns, such as ["project/:id"].`)
  }
  if (typeof collections !== 'object' || collections === null) {
    throw new ConfigError(`${path}: "collections" is an object.`)
  }
  const rule: ChannelRule = { authorize: () => true }
  const sync = {
    channels: Object.fromEntries(channels.map((pattern) => [pattern, rule])),
    // compileSync looks at every field of them.
    collections: collections as Readonly<Record<string, CollectionRule>>,
  }
  return { ...rest, sync }
}

function checked(path: string, definition: SyncDefinition): Sync {
  try {
    return compileSync(definition)
  } catch (cause) {
    throw new ConfigError(`${path}: ${textOf(cause)}`, { cause })
  }
}

function isConfig(value: unknown): value is LockstepConfig {
  return typeof value === 'object' && value !== null && 'sync' in value && isDefinition(value.sync)
}

function isDefinition(value: unknown): value is SyncDefinition {
  return typeof value === 'object' && value !== null && 'channels' in value && 'collections' in value
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
