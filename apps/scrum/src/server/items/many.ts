import { LockstepError } from '@lockstep/protocol'
import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import type { CsvItem } from '../../model/csv.ts'
import { readCsv, writeCsv } from '../../model/csv.ts'
import { firstRanks, rankBetween } from '../../model/rank.ts'
import type { Database } from '../database/connection.ts'
import { backlogOf, placeIn } from '../database/place.ts'
import { items, itemTags, tasks } from '../database/tables.ts'
import { tell, type Writing } from '../projects/writing.ts'
import { tagNamed } from '../tags/tags.ts'
import type { BulkAdd, CsvImport, ManyIds } from './routes.ts'

/** Rows of one statement: Postgres takes 65,535 parameters. */
const rowsPerInsert = 1000

interface Made {
  readonly ids: readonly number[]
}

/** An item for each line, at the end of the backlog. */
export async function addLines(writing: Writing, { lines }: BulkAdd): Promise<Made> {
  const ids = await insertMany(
    writing,
    lines.map((user_story) => ({ user_story, description: '', estimate: null, tags: [], tasks: [] })),
  )
  const words = ids.length === 1 ? 'an item' : `${ids.length} items`
  await tell(writing, 'items/bulk_add', { count: ids.length }, `added ${words} at once`)
  return { ids }
}

/**
 * All items of a CSV file, at the end of the backlog, or none.
 * @throws LockstepError `bad_value` with the first faulty row
 */
export async function importCsv(writing: Writing, { csv }: CsvImport): Promise<Made> {
  const read = readCsv(csv)
  const [fault] = read.faults
  if (fault !== undefined) throw new LockstepError('bad_value', `csv: row ${fault.row}: ${fault.message}`)
  if (read.items.length === 0) throw new LockstepError('bad_value', 'csv: has no items')
  const ids = await insertMany(writing, read.items)
  const words = ids.length === 1 ? 'an item' : `${ids.length} items`
  await tell(writing, 'items/import_csv', { count: ids.length }, `imported ${words}`)
  return { ids }
}

/** Takes back what was added at once; what somebody else has deleted or moved to a sprint is left alone. */
export async function destroyMany(writing: Writing, { ids }: ManyIds): Promise<{ count: number }> {
  const { db, projectId } = writing
  const gone = await db
    .delete(items)
    .where(and(eq(items.project_id, projectId), isNull(items.sprint_id), inArray(items.id, ids)))
    .returning({ id: items.id })
  const count = gone.length
  if (count > 0)
    await tell(writing, 'items/destroy', { count }, `deleted ${count === 1 ? 'an item' : `${count} items`}`)
  return { count }
}

async function insertMany(writing: Writing, rows: readonly CsvItem[]): Promise<number[]> {
  const { db, projectId } = writing
  let position = await placeIn(db, backlogOf(projectId), {})
  const values = rows.map(({ user_story, description, estimate }, i) => {
    if (i > 0) position = rankBetween(position, null)
    return { project_id: projectId, user_story, description, estimate, position }
  })
  const ids: number[] = []
  for (let from = 0; from < values.length; from += rowsPerInsert) {
    const made = await db
      .insert(items)
      .values(values.slice(from, from + rowsPerInsert))
      .returning({ id: items.id })
    ids.push(...made.map(({ id }) => id))
  }
  const tagIds = new Map<string, number>()
  for (const name of new Set(rows.flatMap((row) => row.tags)))
    tagIds.set(name, (await tagNamed(writing, name)).id)
  const links = rows.flatMap((row, i) =>
    // Two spellings may be one tag.
    [...new Set(row.tags.map((name) => tagIds.get(name) ?? 0))].map((tag_id) => ({
      project_id: projectId,
      item_id: ids[i] ?? 0,
      tag_id,
    })),
  )
  const parts = rows.flatMap((row, i) => {
    const ranks = firstRanks(row.tasks.length)
    return row.tasks.map((summary, j) => ({
      project_id: projectId,
      item_id: ids[i] ?? 0,
      summary,
      position: ranks[j] ?? '',
    }))
  })
  for (let from = 0; from < links.length; from += rowsPerInsert) {
    await db.insert(itemTags).values(links.slice(from, from + rowsPerInsert))
  }
  for (let from = 0; from < parts.length; from += rowsPerInsert) {
    await db.insert(tasks).values(parts.slice(from, from + rowsPerInsert))
  }
  return ids
}

type CsvRow = { -readonly [Field in keyof CsvItem]: CsvItem[Field] }

/** The backlog as a CSV file. */
export async function exportCsv(db: Database, projectId: number): Promise<string> {
  // Written by hand: the query builder drops the tables' names inside of subqueries.
  const rows = await db.execute<CsvRow>(sql`
    select i.user_story, i.description, i.estimate,
      array(select t.name from item_tags l join tags t on t.id = l.tag_id
        where l.item_id = i.id order by lower(t.name)) as tags,
      array(select summary from tasks where item_id = i.id order by position) as tasks
    from items i where i.project_id = ${projectId} and i.sprint_id is null order by i.position`)
  return writeCsv(rows)
}
