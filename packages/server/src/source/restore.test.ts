import { chmod, chown, cp, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '@lockstep/testing'
import postgres, { type Sql } from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/index.ts'
import { silentLogger } from '../runtime/logger.ts'
import { postgresSource } from './postgres.ts'
import { RecordingSink, tableCollection } from './recording-sink.ts'
import type { Source } from './source.ts'

let cluster: EmbeddedPostgres
let folder: string
let sql: Sql
let source: Source
let sink: RecordingSink
let lines: string[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-restore-'))
  await chmod(folder, 0o755)
  cluster = await startEmbeddedPostgres({ dataDir: join(folder, 'data'), settings: { fsync: 'off' } })
  sql = postgres(cluster.url, { max: 2, onnotice: () => {} })
  await sql.unsafe('CREATE TABLE tasks (id int PRIMARY KEY, note text)')
  lines = []
  sink = new RecordingSink()
  source = postgresSource({
    url: cluster.url,
    collections: [tableCollection('tasks', ['id', 'note'])],
    fingerprint: 'x',
    slot: 'restore',
    logger: { ...silentLogger, warn: (line) => void lines.push(line) },
  })
  await source.start(sink)
})

afterEach(async () => {
  await source.close()
  await sql.end({ timeout: 1 })
  await cluster.stop()
  await rm(folder, { recursive: true, force: true })
})

async function streams(id: number): Promise<void> {
  await eventually(() => source.status().connected)
  await sql`INSERT INTO tasks VALUES (${id}, 'after')`
  await source.barrier()
  expect(sink.events.at(-1)?.after?.[0]).toBe(String(id))
}

describe('G11: a new epoch begins, loudly,', () => {
  it('when the files of an earlier time are put back', async () => {
    const saved = join(folder, 'saved')
    await cluster.stop()
    await cp(cluster.dataDir, saved, { recursive: true, preserveTimestamps: true })
    await cluster.start()
    await eventually(() => source.status().connected)
    await sql`INSERT INTO tasks SELECT i, 'lost' FROM generate_series(1, 1000) i`
    await source.barrier()
    expect(sink.epochs).toHaveLength(1)

    await cluster.kill()
    const { uid, gid } = await stat(cluster.dataDir)
    await rm(cluster.dataDir, { recursive: true })
    await cp(saved, cluster.dataDir, { recursive: true })
    await give(cluster.dataDir, uid, gid)
    await cluster.start()
    await eventually(() => sink.epochs.length === 2)
    expect(lines.join('\n')).toMatch(/A new log begins .* gone back to an earlier state/)
    await streams(2000)
  })

  it('when it has recovered to another timeline, with the slot', async () => {
    await sql`INSERT INTO tasks VALUES (1, 'before')`
    await source.barrier()
    await cluster.stop()
    await writeFile(join(cluster.dataDir, 'recovery.signal'), '')
    await writeFile(join(cluster.dataDir, 'postgresql.auto.conf'), "restore_command = 'false'\n")
    const { uid, gid } = await stat(cluster.dataDir)
    await give(cluster.dataDir, uid, gid)
    await cluster.start()
    await eventually(() => sink.epochs.length === 2)
    expect(lines.join('\n')).toMatch(/A new log begins .* another timeline/)
    await streams(2000)
  })
})

/** Postgres wants its files to be its own, and nobody else's. */
async function give(path: string, uid: number, gid: number): Promise<void> {
  for (const entry of await readdir(path, { recursive: true })) await chown(join(path, entry), uid, gid)
  await chown(path, uid, gid)
  await chmod(path, 0o700)
}
