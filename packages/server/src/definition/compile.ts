import { createHash } from 'node:crypto'
import { type ChannelPattern, parseChannelPattern, templateFits } from '@lockstep/protocol'
import type { Collection, CollectionRule, Sync, SyncDefinition } from './definition.ts'
import { readDrizzleTable } from './drizzle.ts'
import { type ExternalColumn, externalTable } from './external.ts'

/** The audience of a subscriber whose `authorize` said `true`. */
export const memberAudience = 'member'

/**
 * Checks a definition and numbers its columns and views.
 * @throws Error naming the channel or collection that is wrong and how to mend it.
 */
export function compileSync(definition: SyncDefinition): Sync {
  const channels = compileChannels(definition)
  const audiences = audiencesOf(definition)
  const drafts = Object.entries(definition.collections).map(([name, rule]) =>
    draftCollection(
      name,
      rule,
      channels.map(({ pattern }) => pattern),
    ),
  )
  refuseDuplicateTables(drafts)

  const { viewsOfAudience, representatives } = shareViews(drafts, audiences)
  const collections = drafts.map(
    (draft): Collection => ({
      name: draft.name,
      schema: draft.schema,
      table: draft.table,
      columns: draft.columns,
      key: draft.key,
      channels: draft.channels,
      views: representatives.map((audience) => draft.shown(audience)),
      ...(draft.external === undefined ? undefined : { external: draft.external }),
    }),
  )
  return {
    channels,
    collections,
    viewCount: representatives.length,
    viewOf: (audience) => viewsOfAudience.get(audience),
    fingerprint: fingerprintOf(channels, collections, viewsOfAudience),
  }
}

// ---- channels ---------------------------------------------------------------------------------------

function compileChannels(definition: SyncDefinition): Sync['channels'] {
  const channels = Object.entries(definition.channels).map(([source, rule]) => {
    const pattern = parse(source, `Channel "${source}"`)
    if (typeof rule?.authorize !== 'function') {
      throw new Error(
        `Channel "${source}" has no authorize function; add one that returns true, false or an audience.`,
      )
    }
    return { pattern, rule }
  })
  channels.forEach((a, i) => {
    for (const b of channels.slice(i + 1)) {
      if (overlap(a.pattern, b.pattern)) {
        throw new Error(
          `Channels "${a.pattern.source}" and "${b.pattern.source}" can match the same channel; give one of them another fixed segment.`,
        )
      }
    }
  })
  return channels
}

function parse(source: string, who: string): ChannelPattern {
  let pattern: ChannelPattern
  try {
    pattern = parseChannelPattern(source)
  } catch (cause) {
    throw new Error(
      `${who}: "${source}" is not a channel pattern; write segments of text or :name, joined by "/".`,
      { cause },
    )
  }
  const names = pattern.segments.flatMap((segment) => (segment.kind === 'parameter' ? [segment.name] : []))
  const twice = duplicateOf(names)
  if (twice !== undefined) throw new Error(`${who}: "${source}" names :${twice} twice; name it once.`)
  return pattern
}

function overlap(a: ChannelPattern, b: ChannelPattern): boolean {
  return (
    a.segments.length === b.segments.length &&
    a.segments.every((segment, i) => {
      const other = b.segments[i]
      return segment.kind === 'parameter' || other?.kind !== 'fixed' || segment.text === other.text
    })
  )
}

// ---- collections ------------------------------------------------------------------------------------

interface Draft {
  readonly name: string
  readonly schema: string
  readonly table: string
  readonly columns: readonly string[]
  readonly key: readonly number[]
  readonly channels: Collection['channels']
  readonly external: readonly ExternalColumn[] | undefined
  /** Column numbers an audience sees, rising; undefined: none. */
  shown(audience: string): readonly number[] | undefined
}

function draftCollection(name: string, rule: CollectionRule, patterns: readonly ChannelPattern[]): Draft {
  const who = `Collection "${name}"`
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || forbiddenNames.has(name)) {
    throw new Error(
      `${who} has a name that cannot be used; use letters, digits and "_", and not ${[...forbiddenNames].join(', ')}.`,
    )
  }
  const keyNames = listOf(rule.key ?? 'id')
  const { external, table } = placeOf(who, name, rule, keyNames)
  const lists = columnLists(who, rule)
  const templates = listOf(rule.channel).map((source) => parse(source, who))
  if (keyNames.length === 0) throw new Error(`${who} has an empty key; name its key column or columns.`)
  if (templates.length === 0)
    throw new Error(`${who} names no channel; give a template such as "project/:project_id".`)
  refuseDuplicates(who, 'key column', keyNames)
  refuseDuplicates(who, 'channel template', listOf(rule.channel))

  const parameters = templates.map(({ segments }) =>
    segments.flatMap((segment) => (segment.kind === 'parameter' ? [segment.name] : [])),
  )
  const listed = [...lists.values()].flat()
  const columns = [
    ...new Set([...keyNames.filter((key) => !listed.includes(key)), ...listed, ...parameters.flat()]),
  ]
  for (const column of columns) {
    if (column === '' || column === '__proto__' || typeof column !== 'string') {
      throw new Error(
        `${who} names the column "${column}", which cannot be used; name a column of the table.`,
      )
    }
    if (table.columns !== undefined && !table.columns.includes(column)) {
      throw new Error(
        `${who} names the column "${column}", which table "${table.table}" does not have; use one of ${table.columns.join(', ')}.`,
      )
    }
  }
  for (const template of templates) {
    if (!patterns.some((pattern) => templateFits(template, pattern))) {
      throw new Error(
        `${who} has the channel "${template.source}", which fits no declared channel; declare one, or use one of ${patterns.map(({ source }) => `"${source}"`).join(', ') || '(none declared)'}.`,
      )
    }
  }

  const numberOf = (column: string) => columns.indexOf(column)
  const key = keyNames.map(numberOf)
  const everyone = lists.get(anyAudience)
  return {
    name,
    schema: table.schema,
    table: table.table,
    columns,
    key,
    external,
    channels: templates.map((template, i) => ({ template, columns: (parameters[i] ?? []).map(numberOf) })),
    shown(audience) {
      const list = everyone ?? lists.get(audience)
      return list && [...new Set([...key, ...list.map(numberOf)])].sort((a, b) => a - b)
    },
  }
}

/** Names that mean something else on a JavaScript object. */
const forbiddenNames: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/** Where the rows are: in a table of the application, or in one that Lockstep makes. */
function placeOf(who: string, name: string, rule: CollectionRule, key: readonly string[]) {
  if (rule.external === undefined) return { external: undefined, table: readTable(who, rule.table) }
  if (rule.table !== undefined) throw new Error(`${who} has a table and is external; choose one.`)
  const { columns, ...table } = externalTable(who, name, rule.external, key)
  return { external: columns, table: { ...table, columns: columns.map((column) => column.name) } }
}

function readTable(
  who: string,
  table: string | object | undefined,
): { schema: string; table: string; columns?: readonly string[] } {
  if (typeof table !== 'string') {
    const drizzle = typeof table === 'object' && table !== null ? readDrizzleTable(table) : undefined
    if (drizzle === undefined)
      throw new Error(`${who} has a table that is neither a name nor a Drizzle table; give one of them.`)
    return drizzle
  }
  const parts = table.split('.')
  if (parts.length > 2 || parts.includes('')) {
    throw new Error(`${who} has the table "${table}"; write "table" or "schema.table".`)
  }
  const [first = '', second] = parts
  return second === undefined ? { schema: 'public', table: first } : { schema: first, table: second }
}

/** Stands for all audiences where a collection lists its columns once. Not a name an audience can have. */
const anyAudience = ''

function columnLists(who: string, rule: CollectionRule): ReadonlyMap<string, readonly string[]> {
  const columns = rule.columns ?? Object.keys(rule.external ?? {})
  const lists = new Map<string, readonly string[]>(
    isList(columns) ? [[anyAudience, columns]] : Object.entries(columns),
  )
  if (lists.size === 0) throw new Error(`${who} shows no columns; list those that clients may see.`)
  for (const [audience, list] of lists) {
    const whose = audience === anyAudience ? '' : ` to audience "${audience}"`
    if (!isList(list) || list.length === 0) {
      throw new Error(
        `${who} shows no columns${whose}; list some, or leave ${whose === '' ? 'the collection' : 'the audience'} out.`,
      )
    }
    refuseDuplicates(who, 'column', list)
  }
  return lists
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value)
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}

function duplicateOf(names: readonly string[]): string | undefined {
  return names.find((name, i) => names.indexOf(name) !== i)
}

function refuseDuplicates(who: string, what: string, names: readonly string[]): void {
  const twice = duplicateOf(names)
  if (twice !== undefined) throw new Error(`${who} names the ${what} "${twice}" twice; name it once.`)
}

function refuseDuplicateTables(drafts: readonly Draft[]): void {
  const names = new Map<string, string>()
  for (const { name, schema, table } of drafts) {
    const id = JSON.stringify([schema, table])
    const other = names.get(id)
    if (other !== undefined) {
      throw new Error(
        `Collections "${other}" and "${name}" both read table "${schema}.${table}"; make them one collection with several channels or audiences.`,
      )
    }
    names.set(id, name)
  }
}

// ---- views ------------------------------------------------------------------------------------------

/** `member` and every audience some collection lists columns for. */
function audiencesOf(definition: SyncDefinition): ReadonlySet<string> {
  const audiences = new Set([memberAudience])
  for (const [name, { columns }] of Object.entries(definition.collections)) {
    if (isList(columns)) continue
    for (const audience of Object.keys(columns ?? {})) {
      if (audience === '' || forbiddenNames.has(audience)) {
        throw new Error(
          `Collection "${name}" names the audience "${audience}", which cannot be used; choose another name.`,
        )
      }
      audiences.add(audience)
    }
  }
  return audiences
}

/** Gives audiences that see the same everywhere one view; an audience that sees nothing at all has none. */
function shareViews(drafts: readonly Draft[], audiences: ReadonlySet<string>) {
  const viewsOfAudience = new Map<string, number>()
  const viewsOfColumns = new Map<string, number>()
  const representatives: string[] = []
  for (const audience of audiences) {
    const shown = drafts.map((draft) => draft.shown(audience) ?? null)
    if (drafts.length > 0 && shown.every((columns) => columns === null)) continue
    const columns = JSON.stringify(shown)
    let view = viewsOfColumns.get(columns)
    if (view === undefined) {
      view = representatives.push(audience) - 1
      viewsOfColumns.set(columns, view)
    }
    viewsOfAudience.set(audience, view)
  }
  return { viewsOfAudience, representatives }
}

function fingerprintOf(
  channels: Sync['channels'],
  collections: readonly Collection[],
  viewsOfAudience: ReadonlyMap<string, number>,
): string {
  const told = [
    channels.map(({ pattern }) => pattern.source).sort(),
    collections
      .map(({ channels: templates, ...rest }) => ({
        ...rest,
        templates: templates.map((c) => c.template.source),
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    [...viewsOfAudience],
  ]
  return createHash('sha256').update(JSON.stringify(told)).digest('hex').slice(0, 16)
}
