import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, webSocketTransport } from '@lockstep/client'
import type { PageState } from '@lockstep/protocol'
import { createDatabase, eventually, freePort, type TestDatabase } from '@lockstep/testing'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { registerCallbacks } from '../docs/examples/coming-from-juggernaut/callbacks.js'
import { follow } from '../docs/examples/coming-from-juggernaut/program.js'
import { buildProgram, Run } from '../packages/server/src/cli/program.setup.ts'
import { Program } from '../packages/server/src/transport/juggernaut/program.setup.ts'
import { readText, root } from './tree/source-tree.ts'

const example = join(root, 'docs/examples/coming-from-juggernaut')
const soon = { timeoutMs: 60_000 }

test.each(['lockstep.config.json', 'backend.js', 'callbacks.js', 'program.js'])(
  'stands in the document word for word: %s',
  async (file) => {
    const text = (await readFile(join(example, file), 'utf8')).trimEnd()
    expect(readText('docs/coming-from-juggernaut.md')).toContain(`\n${text}\n`)
  },
)

describe('an application in any language, with Lockstep beside it', () => {
  const secret = 'a-secret-of-more-than-thirty-two-characters'
  let built: { folder: string; program: string }
  let data: string
  let database: TestDatabase
  let backend: ChildProcess
  let lockstep: Run
  let ports: { backend: number; lockstep: number; juggernaut: number }
  const undo: (() => void)[] = []

  const start = async (): Promise<void> => {
    const args = [
      'serve',
      ...['--database', database.url, '--port', String(ports.lockstep)],
      ...['--juggernaut-port', String(ports.juggernaut)],
      ...['--callbacks', `http://localhost:${ports.backend}/juggernaut`],
    ]
    const env = { LOCKSTEP_PUBLISH_SECRET: secret, LOCKSTEP_DATA: data }
    lockstep = new Run(built.program, args, { cwd: example, env })
    await eventually(() => {
      expect(lockstep.child.exitCode, lockstep.output).toBeNull()
      expect(lockstep.output).toContain('ready at')
    }, soon)
  }

  const ask = async (path: string, init: RequestInit = {}): Promise<unknown> => {
    const response = await fetch(`http://localhost:${ports.backend}${path}`, init)
    expect(response.ok, `${path}: ${response.status}`).toBe(true)
    return response.json()
  }

  const page = async (): Promise<PageState> => ((await ask('/projects/1')) as { state: PageState }).state // what backend.js renders

  const create = (item: unknown, session?: string): Promise<unknown> =>
    ask('/projects/1/items', {
      method: 'POST',
      body: JSON.stringify(item),
      headers: session === undefined ? {} : { 'lockstep-session': session },
    })

  /** A page of the backend's, as its script has it, and what happened on it. */
  const open = (state: PageState): string[] => {
    const seen: string[] = []
    const client = createClient(
      { page: { ...state, url: `http://localhost:${ports.lockstep}${state.url}` } },
      { transport: webSocketTransport(WebSocket) },
    )
    undo.push(() => client.close())
    registerCallbacks(client.channel('project/1'), {
      sprint: 5,
      backlog: { add: (item) => seen.push(JSON.stringify(item)) },
      flash: (text) => seen.push(text),
      reload: () => seen.push('reload'),
    })
    return seen
  }

  beforeAll(async () => {
    built = await buildProgram()
    data = await mkdtemp(join(tmpdir(), 'lockstep-juggernaut-'))
    database = await createDatabase()
    ports = { backend: await freePort(), lockstep: await freePort(), juggernaut: await freePort() }
    backend = spawn(process.execPath, [join(example, 'backend.js')], {
      env: {
        ...process.env,
        PORT: String(ports.backend),
        LOCKSTEP: `http://localhost:${ports.lockstep}/lockstep`,
        LOCKSTEP_PUBLISH_SECRET: secret,
      },
      stdio: 'inherit',
    })
    await start()
  }, 120_000)

  afterAll(async () => {
    for (const step of undo) step()
    backend.kill()
    lockstep.child.kill('SIGTERM')
    await lockstep.ended
    await database.drop()
    await Promise.all([data, built.folder].map((folder) => rm(folder, { recursive: true, force: true })))
  }, 60_000)

  test('what one page does is told to the others and to programs, over a restart, and sessions end', async () => {
    const [writer, reader, session] = [await page(), await page(), (await page()).session]
    await create('before the scripts run', writer.session.id)
    const [written, read] = [open(writer), open(reader)]
    const heard: unknown[] = []
    undo.push(follow({ port: ports.juggernaut, session, channel: 'project/1' }, (body) => heard.push(body)))
    const first = ['Created.', '"before the scripts run"', '1 items']
    await eventually(() => expect([...read].sort()).toEqual([...first].sort()), soon)
    await eventually(() => expect(written).toEqual(['1 items']), soon)

    lockstep.child.kill('SIGTERM')
    expect(await lockstep.ended).toBe(0)
    await start()
    await create('after the restart', writer.session.id)
    await eventually(() => {
      expect(read).toContain('"after the restart"')
      const created = heard.filter((body) => (body as { operation: string }).operation === 'items/create') // J3
      expect(created).toEqual(
        ['before the scripts run', 'after the restart'].map((item) => ({
          operation: 'items/create',
          envelope: { item, _flash: 'Created.' },
          session_id: writer.session.id,
        })),
      )
    }, soon)
    expect(written.filter((text) => text !== '1 items' && text !== '2 items')).toEqual([])
    expect(read.filter((text) => text === '"before the scripts run"')).toHaveLength(1)

    // Once everybody has gone and been logged out, the backend knows the sessions no more.
    for (const step of undo.splice(0)) step()
    const sql = postgres(database.url, { max: 1 })
    await eventually(async () => {
      const rest =
        await sql`SELECT session FROM lockstep.callback_sessions UNION SELECT session FROM lockstep.callbacks`
      expect(rest).toHaveLength(0)
    }, soon)
    await sql.end()
    const program = await Program.open(ports.juggernaut)
    const { id, token } = reader.session
    program.say({ command: 'subscribe', session_id: id, client_id: id, channels: ['project/1'], token })
    expect(await program.refused()).toBe('no_channel')
  }, 240_000)
})
