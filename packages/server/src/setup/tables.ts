import type { Sql } from 'postgres'
import type { Collection } from '../definition/definition.ts'
import type { Fault, Note } from '../fault/fault.ts'
import { qualifiedName, quoteName } from '../source/names.ts'

interface TableFacts {
  readonly kind: string
  readonly persistence: string
  readonly user: string
  readonly owned: boolean
  readonly readable: boolean
  readonly published: boolean
  readonly guarded: boolean
  readonly row_security: boolean
  /** Column sets of unique indexes that cover every row. */
  readonly unique: readonly (readonly string[])[]
  readonly columns: readonly {
    readonly name: string
    readonly generated: boolean
    readonly toasted: boolean
    readonly nested: boolean
  }[]
  /** The table itself, or its leaf partitions. */
  readonly leaves: readonly {
    readonly name: string
    readonly identity: string
    readonly columns: readonly string[]
  }[]
}

/** What Lockstep needs of the declared tables. */
export async function inspectTables(
  sql: Sql,
  collections: readonly Collection[],
  publication: string,
): Promise<{ faults: Fault[]; notes: Note[] }> {
  const faults: Fault[] = []
  const notes: Note[] = []
  for (const collection of collections) {
    const facts = await tableFacts(sql, collection, publication)
    if (facts === undefined) {
      faults.push({
        code: 'no_table',
        message: `Collection ${collection.name}: there is no table ${shown(collection)}.`,
      })
      continue
    }
    faults.push(...faultsOf(collection, facts))
    if (facts.row_security)
      notes.push({
        code: 'row_security',
        message: `Table ${shown(collection)} has row level security. It does not apply to what Lockstep sends: the channels' authorize decides who sees a row.`,
      })
    if (facts.kind === 'p')
      notes.push({
        code: 'partitions',
        message: `Table ${shown(collection)} is partitioned. What TRUNCATE, DETACH, ATTACH or DROP does to a single partition is not in the stream: seconds later, all clients start from a snapshot.`,
      })
  }
  return { faults, notes }
}

async function tableFacts(
  sql: Sql,
  collection: Collection,
  publication: string,
): Promise<TableFacts | undefined> {
  const name = qualifiedName(collection)
  const [row] = await sql<{ facts: TableFacts }[]>`
    SELECT to_jsonb(t) AS facts FROM (
      SELECT c.relkind AS kind, c.relpersistence AS persistence, current_user::text AS "user",
        pg_has_role(c.relowner, 'USAGE') AS owned,
        has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') AS readable,
        EXISTS (SELECT FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
          WHERE r.prrelid = c.oid AND p.pubname = ${publication}) AS published,
        row_security_active(c.oid) AS guarded,
        c.relrowsecurity AS row_security,
        coalesce((SELECT jsonb_agg((SELECT jsonb_agg(a.attname) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])))
          FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid
            AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[]) AND a.attnum > 0 AND NOT a.attnotnull)), '[]') AS unique,
        (SELECT jsonb_agg(jsonb_build_object('name', attname, 'generated', attgenerated <> '',
            'toasted', attlen = -1 AND attstorage <> 'p',
            'nested', (SELECT typcategory = 'A' OR typname = 'jsonb' FROM pg_type t WHERE t.oid = atttypid)))
          FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
        (SELECT jsonb_agg(jsonb_build_object('name', format('%I.%I', n.nspname, l.relname),
            'identity', l.relreplident,
            'columns', coalesce((SELECT jsonb_agg(a.attname)
              FROM pg_index i JOIN pg_attribute a ON a.attrelid = l.oid AND a.attnum = ANY (i.indkey)
              WHERE i.indrelid = l.oid
                AND CASE l.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END), '[]')))
          FROM pg_class l JOIN pg_namespace n ON n.oid = l.relnamespace
          WHERE l.oid IN (SELECT relid FROM pg_partition_tree(c.oid) WHERE isleaf)
            OR l.oid = c.oid AND c.relkind <> 'p') AS leaves
      FROM pg_class c WHERE c.oid = to_regclass(${name})
    ) t`
  return row?.facts
}

function faultsOf(collection: Collection, facts: TableFacts): Fault[] {
  const table = shown(collection)
  const name = qualifiedName(collection)
  const user = quoteName(facts.user)
  if ((facts.kind !== 'r' && facts.kind !== 'p') || facts.persistence !== 'p')
    return [
      {
        code: 'not_a_table',
        message: `Collection ${collection.name}: ${table} is ${kindOf(facts)}, whose changes Postgres does not replicate. Use a permanent table.`,
      },
    ]
  const faults: Fault[] = columnFaults(collection, facts)
  if (!facts.owned && !facts.published)
    faults.push({
      code: 'not_owner',
      message: `${facts.user} does not own table ${table}, and only owners may publish a table. Let its owner or a superuser run:`,
      sql: `ALTER TABLE ${name} OWNER TO ${user};`,
    })
  if (!facts.readable)
    faults.push({
      code: 'no_select_privilege',
      message: `${facts.user} may not read table ${table}, which snapshots need. Let its owner run:`,
      sql: `GRANT USAGE ON SCHEMA ${quoteName(collection.schema)} TO ${user};\nGRANT SELECT ON ${name} TO ${user};`,
    })
  if (facts.guarded)
    faults.push({
      code: 'row_security',
      message: `Row level security hides rows of ${table} from ${facts.user}: snapshots would lack what the stream tells. Let a superuser run:`,
      sql: `ALTER ROLE ${user} BYPASSRLS;`,
    })
  const identity = identityFault(collection, facts)
  if (identity !== undefined) faults.push(identity)
  return faults
}

function columnFaults(collection: Collection, facts: TableFacts): Fault[] {
  const faults: Fault[] = []
  const table = shown(collection)
  for (const column of collection.columns) {
    const found = facts.columns.find(({ name }) => name === column)
    if (found === undefined)
      faults.push({
        code: 'no_column',
        message: `Collection ${collection.name}: table ${table} has no column ${column}. It has ${facts.columns.map(({ name }) => name).join(', ')}.`,
      })
    else if (found.generated)
      faults.push({
        code: 'generated_column',
        message: `Collection ${collection.name}: column ${column} of ${table} is generated, and Postgres does not replicate it. Leave it out, or make it a plain column filled by a trigger.`,
      })
  }
  const key = collection.key.map((column) => collection.columns[column] ?? '')
  const nested = key.filter((column) => facts.columns.find(({ name }) => name === column)?.nested)
  if (nested.length > 0)
    faults.push({
      code: 'key_type',
      message: `Collection ${collection.name}: ${nested.join(', ')} of ${table} holds arrays or objects, which cannot be told apart as text, and a key is a text. Name other columns that are unique.`,
    })
  if (!facts.unique.some((columns) => columns.every((column) => key.includes(column))))
    faults.push({
      code: 'key_not_unique',
      message: `Collection ${collection.name}: nothing keeps the key (${key.join(', ')}) of ${table} unique at every moment: it needs a unique index that is not deferrable, on columns that are NOT NULL. Name the primary key in the definition, or run:`,
      sql: [
        ...key.map(
          (column) =>
            `ALTER TABLE ${qualifiedName(collection)} ALTER COLUMN ${quoteName(column)} SET NOT NULL;`,
        ),
        `CREATE UNIQUE INDEX ON ${qualifiedName(collection)} (${key.map(quoteName).join(', ')});`,
      ].join('\n'),
    })
  return faults
}

/** Old rows must tell the key, the channels and, for values that Postgres does not send again, everything. */
function identityFault(collection: Collection, facts: TableFacts): Fault | undefined {
  const numbers = new Set([...collection.key, ...collection.channels.flatMap(({ columns }) => columns)])
  const needed = [...numbers].map((column) => collection.columns[column] ?? '')
  const toasted = facts.columns.filter(({ name, toasted }) => toasted && collection.columns.includes(name))
  const failing = facts.leaves.filter(({ identity, columns }) => {
    if (identity === 'f') return false
    return (
      toasted.some(({ name }) => !columns.includes(name)) ||
      needed.some((column) => !columns.includes(column))
    )
  })
  if (failing.length === 0) return undefined
  return {
    code: 'replica_identity',
    message:
      `Table ${shown(collection)} does not log enough of old rows: an update or delete must tell ${needed.join(', ')}` +
      `${toasted.length === 0 ? '' : ' and large values that stay'}. Let its owner run:`,
    sql: failing.map(({ name }) => `ALTER TABLE ${name} REPLICA IDENTITY FULL;`).join('\n'),
  }
}

function kindOf({ kind, persistence }: TableFacts): string {
  if (persistence === 'u') return 'an unlogged table'
  if (persistence === 't') return 'a temporary table'
  return { v: 'a view', m: 'a materialized view', f: 'a foreign table' }[kind] ?? 'not a table'
}

function shown({ schema, table }: Collection): string {
  return schema === 'public' ? table : `${schema}.${table}`
}
