import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Goodbye, ServerMessage } from '@lockstep/protocol'
import { createDatabase, eventually, freePort, type TestDatabase } from '@lockstep/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Application, Page } from '../callback/application.setup.ts'
import { Program } from '../transport/juggernaut/program.setup.ts'
import { buildProgram, Run } from './program.setup.ts'

const secret = 'a-secret-of-a-backend-that-publishes-here'
const config = {
  channels: ['project/:id'],
  collections: {
    items: {
      external: { id: 'integer', project_id: 'integer', title: 'text' },
      channel: 'project/:project_id',
    },
  },
}

let built: { folder: string; program: string }
let folder: string
let database: TestDatabase
let port: number
let runs: Run[] = []

beforeAll(async () => {
  built = await buildProgram()
}, 60_000)

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-serve-'))
  database = await createDatabase()
  port = await freePort()
})

afterEach(async () => {
  await lockstep('stop').ended
  for (const run of runs) run.child.kill('SIGKILL')
  await Promise.all(runs.map((run) => run.ended))
  runs = []
  await database.drop()
  await rm(folder, { recursive: true, force: true })
})

afterAll(() => rm(built.folder, { recursive: true }))

function lockstep(...args: string[]): Run {
  const run = new Run(built.program, args, {
    cwd: folder,
    env: { LOCKSTEP_DATA: join(folder, 'data'), LOCKSTEP_PUBLISH_SECRET: secret },
  })
  runs.push(run)
  return run
}

async function configure(content: object = config): Promise<void> {
  await writeFile(join(folder, 'lockstep.config.json'), JSON.stringify(content))
}

const url = (): string => `http://127.0.0.1:${port}/lockstep`

async function ready(run: Run): Promise<Run> {
  await eventually(
    () => {
      expect(run.child.exitCode, run.output).toBeNull()
      expect(run.output).toContain('ready at')
    },
    { timeoutMs: 60_000 },
  )
  return run
}

async function publish(title: string): Promise<number> {
  const response = await fetch(`${url()}/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ channel: 'project/1', data: { create: { 1: { id: 1, title } } } }),
  })
  return response.status
}

const own = (): string[] => ['--database', database.url, '--port', String(port)]

describe('lockstep serve', () => {
  it('H5: starts a Postgres of its own where none is named, and ends it cleanly', async () => {
    await configure()
    const run = await ready(lockstep('serve', '--port', String(port)))
    expect([await publish('one'), (await fetch(`${url()}/live`)).status]).toEqual([200, 200])
    expect(await (await fetch(`${url()}/ready`)).json()).toEqual({ status: 'ready' })
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(run.output).toMatch(/stopped\n$/)
    // What was published is there after a restart on the same folder.
    const again = await ready(lockstep('serve', '--port', String(port)))
    expect(await publish('two')).toBe(200)
    again.child.kill('SIGINT')
    expect(await again.ended).toBe(0)
    await expect(readFile(join(folder, 'data/lockstep.pid'))).rejects.toThrow('ENOENT')
  }, 120_000)

  it('takes a config in TypeScript, with functions', async () => {
    await writeFile(
      join(folder, 'lockstep.config.ts'),
      `interface User { readonly id: string }
       enum Role { Member = 'member' }
       const authenticate = (request: Request): User | null =>
         request.headers.get('x-user') === null ? null : { id: request.headers.get('x-user')! }
       export default {
         sync: {
           channels: { 'project/:id': { authorize: ({ user }: { user: User }) => user.id === 'alice' && Role.Member } },
           collections: ${JSON.stringify(config.collections)},
         },
         authenticate,
         path: '/sync',
       }`,
    )
    await ready(lockstep('serve', ...own()))
    const ask = (user: string) =>
      fetch(`http://127.0.0.1:${port}/sync/snapshot/project/1`, { headers: { 'x-user': user } })
    expect([(await ask('alice')).status, (await ask('olivia')).status]).toEqual([200, 404])
  }, 120_000)

  it('M10: tells clients to come back at different times, and readiness goes before them', async () => {
    await writeFile(
      join(folder, 'lockstep.config.mjs'),
      `export default {
        sync: { channels: { 'project/:id': { authorize: () => true } }, collections: {} },
        authenticate: () => ({ id: 1 }),
        drainMs: 5_000,
        limits: { returnSpreadMs: 1_000_000 },
      }`,
    )
    const run = await ready(lockstep('serve', ...own()))
    const clients = await Promise.all(Array.from({ length: 5 }, () => greeted()))
    run.child.kill('SIGTERM')
    await eventually(async () => {
      const response = await fetch(`${url()}/ready`)
      expect([response.status, await response.json()]).toEqual([503, { status: 'draining' }])
    })
    expect(clients.flatMap(({ heard }) => heard.map(({ type }) => type))).not.toContain('goodbye')
    expect(await run.ended).toBe(0)
    const goodbyes = clients.map(({ heard }) =>
      heard.find((message): message is Goodbye => message.type === 'goodbye'),
    )
    expect(new Set(goodbyes.map((goodbye) => goodbye?.retryMs)).size).toBe(5)
    expect(clients.map(({ code }) => code())).toEqual(Array.from({ length: 5 }, () => 4503))
  }, 120_000)

  it('names what is wrong with what it was given', async () => {
    await configure()
    await mkdir(join(folder, 'other'))
    const taken = createServer().listen(0)
    const takenPort = String((taken.address() as { port: number }).port) // it listens on TCP
    const cases: [string[], string][] = [
      [['serve', ...own(), '--config', 'gone.ts'], 'gone.ts cannot be loaded'],
      [['serve', '--database', database.url, '--port', takenPort], `Port ${takenPort} is in use`],
      [['serve', '--database', database.url, '--port', '70000'], '--port is "70000"'],
      [['serve', ...own(), '--path', 'sync'], '--path is "sync"'],
      [['serve', ...own(), '--prot', '1'], 'no flag --prot'],
      [['serve', 'now'], 'takes flags only'],
      [['serve', ...own(), '--publish-secret', 'short'], 'at least 32 characters'],
      [['serve', '--database', 'postgres://127.0.0.1:1/x', '--port', '0'], 'Nothing answers at'],
      [['start', '--daemon', '--database', 'postgres://127.0.0.1:1/x', '--port', '0'], 'Nothing answers at'],
    ]
    for (const [args, text] of cases) {
      const run = lockstep(...args)
      expect([text, await run.ended]).toEqual([text, 1])
      await eventually(() => expect(run.output).toContain(text))
    }
    await writeFile(join(folder, 'file'), '')
    for (const args of [['serve'], ['start', '--daemon']]) {
      // Linux alone has a /proc, where no folder can be made; elsewhere there is no right to make one.
      const data = args.length === 1 ? '/proc/nope' : join(folder, 'file/data')
      const run = lockstep(...args, ...own(), '--data', data)
      expect(await run.ended).toBe(1)
      await eventually(() =>
        expect(run.output).toMatch(/^The folder .* cannot be made: .*LOCKSTEP_DATA\.\n$/),
      )
    }
    await configure({ channels: 'all' })
    const run = lockstep('serve', ...own())
    expect(await run.ended).toBe(1)
    expect(run.output).toContain('"channels" is a list of patterns')
    taken.close()
  }, 120_000)
})

describe('lockstep serve --callbacks', () => {
  it('A3: tells, after it was killed, of the sessions that it was killed with', async () => {
    const application = new Application(secret)
    await application.up()
    try {
      await configure()
      const given = [...own(), '--callbacks', application.url, '--callback-method', 'POST']
      const first = await ready(lockstep('serve', ...given))
      const [gone, back] = [await issue(), await issue()]
      const pages = [gone, back].map(({ token }) => new Page(url().replace('http', 'ws'), token))
      for (const page of pages) expect(await page.subscribe('project/1')).toMatchObject({ type: 'live' })
      first.child.kill('SIGKILL')
      await first.ended
      await ready(lockstep('serve', ...given))
      const page = new Page(url().replace('http', 'ws'), back.token)
      expect(await page.subscribe('project/1')).toMatchObject({ type: 'live' })
      await eventually(
        () => {
          expect(application.kinds(gone.id)).toEqual(['subscribe', 'disconnected', 'logged_out'])
          expect(application.kinds(back.id)).toEqual(['subscribe', 'disconnected', 'subscribe'])
        },
        { timeoutMs: 60_000 },
      )
      expect(application.calls.every(({ method }) => method === 'POST')).toBe(true)
      page.leave()
    } finally {
      await lockstep('stop').ended
      await application.down()
    }
  }, 120_000)

  it('J2, A4: serves seed B’s handshake on a port of its own, as the backend decides', async () => {
    const application = new Application(secret)
    await application.up()
    const juggernaut = await freePort()
    try {
      await configure()
      const given = [...own(), '--callbacks', application.url, '--juggernaut-port', String(juggernaut)]
      const run = await ready(lockstep('serve', ...given))
      application.answer = ({ kind, session }) => {
        if (kind !== 'subscribe') return undefined
        return session === '17'
          ? { body: JSON.stringify([{ operation: 'hello', envelope: [] }]) }
          : { status: 409 }
      }
      const [program, refused] = await Promise.all([Program.open(juggernaut), Program.open(juggernaut)])
      const handshake = { command: 'subscribe', channels: ['project/1'] }
      refused.say({ ...handshake, session_id: '18', client_id: '18' })
      expect(await refused.refused()).toBe('no_channel')
      program.say({ ...handshake, session_id: '17', client_id: '17' })
      await program.hears([])
      const response = await fetch(`${url()}/publish`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${secret}`,
          'content-type': 'application/json',
          'lockstep-session': '19',
        },
        body: JSON.stringify({ channel: 'project/1', operation: 'items/create', envelope: { item: 7 } }),
      })
      expect(response.status).toBe(200)
      await program.hears([], { item: 7 })
      expect(program.messages.at(-1)?.body).toEqual({
        operation: 'items/create',
        envelope: { item: 7 },
        session_id: '19',
      })
      program.leave()
      await eventually(
        () => expect(application.kinds('17')).toEqual(['subscribe', 'disconnected', 'logged_out']),
        {
          timeoutMs: 30_000,
        },
      )
      const [, disconnected, loggedOut] = application.calls.filter(({ session }) => session === '17')
      const times = [disconnected, loggedOut].map((call) => Number(call?.facts.get('at')))
      expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(10_000)
      run.child.kill('SIGTERM')
      expect(await run.ended).toBe(0)
    } finally {
      await application.down()
    }
  }, 120_000)

  it('names a Juggernaut port that is in use', async () => {
    await configure()
    const taken = createServer().listen(0)
    const takenPort = String((taken.address() as { port: number }).port) // it listens on TCP
    const run = lockstep('serve', ...own(), '--juggernaut-port', takenPort)
    expect(await run.ended).toBe(1)
    await eventually(() => expect(run.output).toContain(`Port ${takenPort} is in use`))
    taken.close()
  }, 60_000)

  it('names what is wrong with callbacks', async () => {
    await configure()
    const cases: [string[], string][] = [
      [['--callbacks', 'localhost/x'], 'begins with http'],
      [['--callbacks', 'http://localhost/x', '--callback-method', 'PUT'], '--callback-method is "PUT"'],
      [['--callbacks', 'http://localhost/x', '--callback-secret', 'short'], 'at least 32 characters'],
    ]
    for (const [args, text] of cases) {
      const run = lockstep('serve', ...own(), ...args)
      expect([text, await run.ended]).toEqual([text, 1])
      await eventually(() => expect(run.output).toContain(text))
    }
  }, 60_000)
})

/** A session as a backend in any language opens it. */
async function issue(): Promise<{ id: string; token: string }> {
  const response = await fetch(`${url()}/sessions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user: { id: 'alice' }, channels: ['project/1'] }),
  })
  const { session } = (await response.json()) as { session: { id: string; token: string } } // H6
  return session
}

describe('lockstep start, status and stop', () => {
  it('runs in the background, and holds no secret in the list of processes', async () => {
    await configure()
    await mkdir(join(folder, 'data'))
    await writeFile(join(folder, 'data/lockstep.log'), 'x'.repeat(10_485_761))
    const start = lockstep('start', '--daemon', ...own(), '--publish-secret', secret)
    expect([await start.ended, start.output]).toEqual([
      0,
      expect.stringContaining(`http://localhost:${port}/lockstep`),
    ])
    const [pid = ''] = (await readFile(join(folder, 'data/lockstep.pid'), 'utf8')).split('\n')
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8')
    expect(command).toContain('serve')
    expect(command).not.toContain(secret)
    expect(command).not.toContain(database.url)
    expect(await publish('one')).toBe(200)

    const status = lockstep('status')
    expect([await status.ended, status.output]).toEqual([
      0,
      expect.stringMatching(/^Process \d+ at http.*: ready\.\n$/),
    ])
    const second = lockstep('start', '--daemon', ...own())
    expect([await second.ended, second.output]).toEqual([1, expect.stringContaining('A server runs on')])

    const stop = lockstep('stop')
    expect([await stop.ended, stop.output]).toEqual([0, `Process ${pid} has ended.\n`])
    const log = await readFile(join(folder, 'data/lockstep.log'), 'utf8')
    expect(log).toContain('stopped')
    expect(log, 'an old log that is large is put aside').not.toContain('xxx')
    expect((await stat(join(folder, 'data/lockstep.log.1'))).size).toBe(10_485_761)
    const after = lockstep('status')
    expect([await after.ended, after.output]).toEqual([1, 'Nothing runs here.\n'])
    expect(await lockstep('stop').ended).toBe(0)
  }, 120_000)

  it('is not taken in by what a killed server left behind', async () => {
    await configure()
    expect(await lockstep('start', '--daemon', ...own()).ended).toBe(0)
    const [pid = ''] = (await readFile(join(folder, 'data/lockstep.pid'), 'utf8')).split('\n')
    process.kill(Number(pid), 'SIGKILL')
    await eventually(async () => expect(await lockstep('status').ended).toBe(1), { everyMs: 100 })
    // Nor by another process that has its number now.
    await writeFile(join(folder, 'data/lockstep.pid'), `${process.pid}\n0\n`)
    expect(await lockstep('status').ended).toBe(1)
    expect(await lockstep('start', '--daemon', ...own()).ended).toBe(0)
    expect(await publish('after')).toBe(200)
  }, 120_000)
})

/** A client that has said hello, with what it hears after. */
async function greeted(): Promise<{ heard: ServerMessage[]; code: () => number | undefined }> {
  const response = await fetch(`${url()}/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  const { token } = (await response.json()) as { token: string } // H3
  const socket = new WebSocket(url().replace('http', 'ws'))
  const heard: ServerMessage[] = []
  let code: number | undefined
  socket.on('message', (data) => heard.push(JSON.parse(data.toString())))
  socket.on('close', (closeCode) => {
    code = closeCode
  })
  await new Promise((resolve) => socket.once('open', resolve))
  socket.send(JSON.stringify({ type: 'hello', version: 1, token }))
  await eventually(() => expect(heard.map(({ type }) => type)).toContain('welcome'))
  return { heard, code: () => code }
}
