import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createDatabase, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { buildProgram, Run } from './program.setup.ts'

let folder: string
let program: string
let database: TestDatabase
let sql: postgres.Sql

beforeAll(async () => {
  const built = await buildProgram()
  folder = built.folder
  program = built.program
  database = await createDatabase()
  sql = postgres(database.url, { max: 1, onnotice: () => {} })
  const definition = (table: string) => `export const sync = {
    channels: { 'project/:id': { authorize: () => true } },
    collections: { items: { table: '${table}', key: 'id', channel: 'project/:project_id', columns: ['id', 'title'] } },
  }
  setInterval(() => {}, 1000)`
  await writeFile(join(folder, 'sync.mjs'), definition('items'))
  await writeFile(
    join(folder, 'external.mjs'),
    `export const sync = {
      channels: { todos: { authorize: () => true } },
      collections: { todos: { external: { id: 'integer', title: 'text' }, channel: 'todos' } },
    }`,
  )
  await writeFile(join(folder, 'missing.mjs'), definition('nothing'))
  await writeFile(
    join(folder, 'wrong.mjs'),
    'export const sync = { channels: {}, collections: { a: { table: 1 } } }; export const other = 1',
  )
  await writeFile(
    join(folder, 'sync.ts'),
    'export const sync: { a: number } = { a: 1 } satisfies object; enum E { A }',
  )
}, 60_000)

afterAll(async () => {
  await sql.end({ timeout: 5 })
  await database.drop()
  await rm(folder, { recursive: true })
})

beforeEach(async () => {
  await sql.unsafe(
    'DROP TABLE IF EXISTS items; CREATE TABLE items (id int PRIMARY KEY, project_id int, title text)',
  )
})

async function lockstep(...args: string[]): Promise<{ code: number | null; output: string }> {
  const run = new Run(program, args)
  const code = await run.ended
  return { code, output: run.output }
}

const config = (name: string) => ['--config', join(folder, name)]

describe('lockstep doctor', () => {
  it('names each fault with the SQL that mends it, and fails', async () => {
    const { code, output } = await lockstep('doctor', ...config('sync.mjs'), '--database', database.url)
    expect(output).toContain('ALTER TABLE')
    expect(output).toContain('REPLICA IDENTITY FULL')
    expect(output).toContain('1 fault to mend.')
    expect(code).toBe(1)
    expect(await sql`SELECT relreplident FROM pg_class WHERE relname = 'items'`).toEqual([
      { relreplident: 'd' },
    ])
  })

  it('says what is wrong with what it was given', async () => {
    const cases: [string[], string][] = [
      [[...config('missing.mjs'), '--database', database.url], 'nothing'],
      [config('sync.mjs'), '--database or DATABASE_URL'],
      [[...config('sync.mjs'), '--databse', database.url], 'no flag --databse'],
      [[...config('sync.mjs'), '--database', 'postgres://localhost:1/x'], 'Nothing answers at localhost:1'],
      [[...config('sync.mjs'), '--database', 'mysql://localhost/x'], 'not the address of a Postgres'],
      [[...config('gone.mjs'), '--database', database.url], 'cannot be loaded'],
      [[...config('sync.mjs'), '--export', 'nope', '--database', database.url], 'has no export "nope"'],
      [[...config('wrong.mjs'), '--database', database.url], 'wrong.mjs: '],
      [[...config('wrong.mjs'), '--export', 'other', '--database', database.url], 'it exports other, sync'],
      [[...config('sync.ts'), '--database', database.url], 'sync.ts'],
    ]
    for (const [args, text] of cases) {
      const { code, output } = await lockstep('doctor', ...args)
      expect(output).toContain(text)
      expect(output).not.toMatch(/\n\s+at /)
      expect([text, code]).toEqual([text, 1])
    }
  })
})

describe('lockstep setup', () => {
  it('makes the tables of external collections and of observers', async () => {
    const given = [...config('external.mjs'), '--database', database.url]
    const { code, output } = await lockstep('setup', ...given)
    expect([code, output]).toEqual([0, 'The database is ready for Lockstep.\n'])
    expect(
      await sql`SELECT to_regclass('lockstep.external_todos') IS NOT NULL AND to_regclass('lockstep.observers') IS NOT NULL AS made`,
    ).toEqual([{ made: true }])
    expect((await lockstep('doctor', ...given)).code).toBe(0)
  })

  it('makes what a server needs, and the doctor is content after it', async () => {
    const first = await lockstep('setup', ...config('sync.mjs'), '--database', database.url)
    expect(first.output).toMatch(/done: {2}ALTER TABLE[\s\S]*ready for Lockstep/)
    expect(first.code).toBe(0)
    expect(
      await sql`SELECT to_regclass('lockstep.mutations') IS NOT NULL AND to_regclass('lockstep.secrets') IS NOT NULL AS made`,
    ).toEqual([{ made: true }])
    const doctor = await lockstep('doctor', ...config('sync.mjs'), '--database', database.url)
    expect([doctor.code, doctor.output]).toEqual([0, 'The database is ready for Lockstep.\n'])
    expect((await lockstep('setup', ...config('sync.mjs'), '--database', database.url)).code).toBe(0)
  })
})
