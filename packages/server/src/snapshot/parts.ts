import { type ChannelPattern, matchChannel } from '@lockstep/protocol'
import type { CollectionChannel, Sync } from '../definition/definition.ts'
import type { SnapshotPart } from './snapshot.ts'

/**
 * What to read for a channel as a view sees it: the collections whose templates give this channel, in the
 * order of the definition. An alternative without conditions (a template without parameters) is every row.
 */
export function partsOf(sync: Sync, channel: string, view: number): readonly SnapshotPart[] {
  const parts: SnapshotPart[] = []
  for (const collection of sync.collections) {
    const columns = collection.views[view]
    if (columns === undefined) continue
    const where = collection.channels.flatMap((template) => {
      const conditions = conditionsOf(template, channel)
      return conditions === undefined ? [] : [conditions]
    })
    if (where.length > 0) parts.push({ collection, columns, where })
  }
  return parts
}

function conditionsOf(
  { template, columns }: CollectionChannel,
  channel: string,
): SnapshotPart['where'][number] | undefined {
  const texts = matchChannel(template, channel)
  return (
    texts && parametersOf(template).map((name, i) => ({ column: columns[i] ?? 0, text: texts[name] ?? '' }))
  )
}

function parametersOf({ segments }: ChannelPattern): readonly string[] {
  return segments.flatMap((segment) => (segment.kind === 'parameter' ? [segment.name] : []))
}
