import { readdir, readFile } from 'node:fs/promises'
import type { Sql } from 'postgres'

const folder = new URL('../../../migrations/', import.meta.url)

/** Any number that no other program on this database locks with. */
const migrationLock = 7_305_882

/** Runs the SQL files that have not run on this database yet, in order of their names, all or none. */
export async function migrate(sql: Sql): Promise<void> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()
  await sql.begin(async (tx) => {
    // Two servers may start at once.
    await tx`select pg_advisory_xact_lock(${migrationLock})`
    await tx`create table if not exists todo_migrations (name text primary key, ran_at timestamptz not null default now())`
    const rows = await tx<{ name: string }[]>`select name from todo_migrations`
    const done = new Set(rows.map((row) => row.name))
    for (const name of files) {
      if (done.has(name)) continue
      await tx.unsafe(await readFile(new URL(name, folder), 'utf8'))
      await tx`insert into todo_migrations (name) values (${name})`
    }
  })
}
