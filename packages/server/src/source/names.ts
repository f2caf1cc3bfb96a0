import type { Collection } from '../definition/definition.ts'

/** A name as SQL takes it: `"a ""b"""`. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function qualifiedName(collection: Collection): string {
  return `${quoteName(collection.schema)}.${quoteName(collection.table)}`
}

/** Tables of the collections, each once. */
export function tablesOf(collections: readonly Collection[]): readonly string[] {
  return [...new Set(collections.map(qualifiedName))]
}
