import type { Sql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import { tablesOf } from './names.ts'

/** What a slot must agree with for its log to be continued. */
export interface SlotPlan {
  readonly slot: string
  readonly publication: string
  readonly collections: readonly Collection[]
  readonly fingerprint: string
}

/** What an epoch began under. Where something else holds now, rows may have changed that the stream does not tell. */
export interface Terms {
  readonly definition: string
  /**
   * Of the WAL: another one after a failover, or a restore to an earlier time, which may have lost what was told
   * already. Missing in what older versions have written.
   */
  readonly timeline?: string
  /** Of all declared columns. */
  readonly types: string
  /** Changes whenever the publication or its list of tables is touched, even if it is put back. */
  readonly publication: string
  /** By its number, every part of a partitioned table: its file, and whether it was made as a part. */
  readonly partitions: Readonly<Record<string, { readonly file: number; readonly made: boolean }>>
}

export async function currentTerms(sql: Sql, plan: SlotPlan): Promise<Terms> {
  const tables = JSON.stringify(tablesOf(plan.collections))
  const columns = JSON.stringify([...new Set(plan.collections.flatMap((collection) => collection.columns))])
  const [row] = await sql<Omit<Terms, 'definition'>[]>`
    WITH declared AS (
      SELECT to_regclass(t)::oid AS id FROM jsonb_array_elements_text(${tables}::text::jsonb) AS t
    )
    SELECT left(pg_walfile_name(pg_current_wal_flush_lsn()), 8) AS timeline,
      (SELECT md5(coalesce(string_agg(format('%s.%s:%s', attrelid, attname, atttypid), ',' ORDER BY attrelid, attname), ''))
        FROM pg_attribute WHERE attrelid IN (SELECT id FROM declared)
          AND attname IN (SELECT jsonb_array_elements_text(${columns}::text::jsonb)) AND attnum > 0 AND NOT attisdropped
      ) AS types,
      (SELECT md5(format('%s.%s', p.oid, p.xmin) || coalesce(string_agg(format(',%s.%s', r.oid, r.xmin), '' ORDER BY r.oid), ''))
        FROM pg_publication p LEFT JOIN pg_publication_rel r ON r.prpubid = p.oid
        WHERE p.pubname = ${plan.publication} GROUP BY p.oid, p.xmin
      ) AS publication,
      (SELECT coalesce(jsonb_object_agg(part.oid,
          jsonb_build_object('file', part.relfilenode::int8, 'made', i.xmin = a.xmin AND i.cmin::text::int8 - a.cmin::text::int8 < 4)), '{}')
        FROM declared JOIN pg_class root ON root.oid = declared.id AND root.relkind = 'p'
          CROSS JOIN LATERAL pg_partition_tree(root.oid) tree
          JOIN pg_class part ON part.oid = tree.relid AND part.oid <> root.oid
          JOIN pg_inherits i ON i.inhrelid = part.oid
          -- Made with the table, and never changed after: CREATE TABLE PARTITION OF writes both in two steps.
          JOIN pg_attribute a ON a.attrelid = part.oid AND a.attname = 'tableoid'
      ) AS partitions`
  if (row === undefined) throw new Error('no terms')
  return { ...row, publication: row.publication ?? '', definition: plan.fingerprint }
}

/** Why a log that began under `before` cannot be continued under `now`; undefined: it can. */
export function whyTermsDiffer(before: Terms, now: Terms): string | undefined {
  if (before.timeline !== undefined && before.timeline !== now.timeline)
    return 'the database went over to another timeline, as it does with a failover or a restore'
  if (before.definition !== now.definition || before.types !== now.types)
    return 'the definition or a column type changed'
  if (now.publication === '') return 'the publication is gone'
  if (before.publication !== now.publication) return 'the publication was altered'
  for (const [part, { file }] of Object.entries(before.partitions)) {
    const same = now.partitions[part]
    if (same === undefined) return 'a partition was detached or dropped'
    if (same.file !== file) return 'a partition was truncated or written anew'
  }
  const added = Object.entries(now.partitions).filter(([part]) => before.partitions[part] === undefined)
  return added.every(([, { made }]) => made) ? undefined : 'a table was attached as a partition'
}

/** Undefined for what an older version has written. */
export function readTerms(text: string): Terms | undefined {
  try {
    // Written by `JSON.stringify` of Terms.
    return JSON.parse(text) as Terms
  } catch {
    return undefined
  }
}
