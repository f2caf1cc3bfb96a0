import type { CollectionRule, SyncDefinition } from './definition.ts'
import type { DrizzleTable, RowOf } from './drizzle.ts'

/**
 * The sync definition of an application; `typeof` it types the client. It is checked when a server is
 * made from it (`compileSync`).
 */
export function defineSync<const C extends Readonly<Record<string, CollectionRule>>>(
  definition: Pick<SyncDefinition<C>, 'channels' | 'collections'>,
): SyncDefinition<C> {
  return definition
}

/**
 * A collection with the type of its rows: that of a Drizzle table, or the one given, `collection<Item>`.
 * Columns go by their names in the database.
 */
export function collection<T extends DrizzleTable>(
  rule: Omit<CollectionRule, 'table' | '$row'> & { readonly table: T },
): CollectionRule<RowOf<T>>
export function collection<R>(rule: Omit<CollectionRule<R>, '$row'>): CollectionRule<R>
export function collection(rule: CollectionRule): CollectionRule {
  return rule
}
