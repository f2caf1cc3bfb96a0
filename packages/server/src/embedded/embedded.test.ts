import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually } from '@lockstep/testing'
import postgres from 'postgres'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Logger } from '../runtime/logger.ts'
import { silentLogger } from '../runtime/logger.ts'
import { startEmbeddedPostgres } from './index.ts'
import { isAlive } from './processes.ts'

let folder: string
let warnings: string[]
let logger: Logger

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-embedded-'))
  await chmod(folder, 0o755)
  warnings = []
  logger = { ...silentLogger, warn: (line) => warnings.push(line) }
})

afterEach(async () => {
  await rm(folder, { recursive: true, force: true })
})

async function ask(url: string, query: string): Promise<postgres.Row | undefined> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 5 })
  try {
    const [row] = await sql.unsafe(query)
    return row
  } finally {
    await sql.end({ timeout: 1 })
  }
}

/** Number of the server process on a data folder. */
async function pidOf(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'postmaster.pid'), 'utf8'), 10)
}

describe('startEmbeddedPostgres', () => {
  it('gives a Postgres that can replicate, on 127.0.0.1, for those who know the password', async () => {
    const cluster = await startEmbeddedPostgres({ settings: { work_mem: '7MB' } })
    const row = await ask(
      cluster.url,
      `SELECT current_setting('wal_level') AS wal_level, current_setting('listen_addresses') AS listens,
        current_setting('unix_socket_directories') AS sockets, current_setting('work_mem') AS work_mem,
        current_setting('synchronous_commit') AS commits, current_setting('max_replication_slots') AS slots`,
    )
    expect(row).toEqual({
      wal_level: 'logical',
      listens: '127.0.0.1',
      sockets: '',
      work_mem: '7MB',
      commits: 'on',
      slots: '64',
    })
    await ask(cluster.url, 'CREATE DATABASE another')
    expect(await ask(cluster.urlOf('another'), 'SELECT current_database() AS name')).toEqual({
      name: 'another',
    })
    const stranger = new URL(cluster.url)
    stranger.password = 'guess'
    await expect(ask(stranger.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/)
    const pid = await pidOf(cluster.dataDir)
    await cluster.stop()
    expect(isAlive(pid)).toBe(false)
    await expect(readFile(join(cluster.dataDir, 'PG_VERSION'))).rejects.toThrow(/ENOENT/)
  })

  it('keeps the data of a given folder over stop, kill and another start, with the same password', async () => {
    const dataDir = join(folder, 'data')
    const first = await startEmbeddedPostgres({ dataDir, logger })
    await ask(first.url, 'CREATE TABLE t (id int)')
    await ask(first.url, 'INSERT INTO t VALUES (1)')
    await first.kill()
    await first.start()
    await ask(first.url, 'INSERT INTO t VALUES (2)')
    await first.stop()
    await first.start()
    await first.stop()
    const second = await startEmbeddedPostgres({ dataDir, logger, port: Number(new URL(first.url).port) })
    expect(second.url).toBe(first.url)
    expect(await ask(second.url, 'SELECT count(*)::int FROM t')).toEqual({ count: 2 })
    await second.stop()
    expect(warnings).toEqual([])
  })

  it('leaves files alone that are not its own', async () => {
    const dataDir = join(folder, 'data')
    await mkdir(dataDir)
    await writeFile(join(dataDir, 'letters'), 'mine')
    for (let i = 0; i < 2; i++)
      await expect(startEmbeddedPostgres({ dataDir, logger })).rejects.toThrow(
        /could not make its data folder/,
      )
    expect(await readFile(join(dataDir, 'letters'), 'utf8')).toBe('mine')
  })

  it('starts where a killed server left its process file, also when its number is another process now', async () => {
    const dataDir = join(folder, 'data')
    const cluster = await startEmbeddedPostgres({ dataDir, logger })
    await cluster.kill()
    const file = join(dataDir, 'postmaster.pid')
    const [, ...rest] = (await readFile(file, 'utf8')).split('\n')
    await writeFile(file, [String(process.ppid), ...rest].join('\n'))
    await cluster.start()
    expect(await ask(cluster.url, 'SELECT 1 AS one')).toEqual({ one: 1 })
    await cluster.stop()
  })

  it('says that the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    await expect(startEmbeddedPostgres({ port, logger })).rejects.toMatchObject({
      faults: [
        { code: 'port_in_use', message: expect.stringContaining(`Port ${port} on 127.0.0.1 is in use`) },
      ],
    })
    other.close()
  })

  it('says that the data are of another version', async () => {
    const dataDir = join(folder, 'data')
    await (await startEmbeddedPostgres({ dataDir, logger })).stop()
    await writeFile(join(dataDir, 'PG_VERSION'), '9\n')
    await expect(startEmbeddedPostgres({ dataDir, logger })).rejects.toThrow(
      /was made by Postgres 9; this is Postgres 18/,
    )
  })

  it('says why Postgres does not start', async () => {
    await expect(startEmbeddedPostgres({ settings: { shared_buffers: 'much' }, logger })).rejects.toThrow(
      /shared_buffers/,
    )
  })

  it.runIf(process.getuid?.() === 0)(
    'as root takes a reachable folder instead of one that postgres cannot get to',
    async () => {
      await chmod(folder, 0o700)
      const dataDir = join(folder, 'data')
      const cluster = await startEmbeddedPostgres({ dataDir, logger })
      expect(cluster.dataDir).not.toContain(folder)
      expect(warnings).toEqual([expect.stringContaining(`cannot get to ${dataDir}`)])
      await cluster.stop()
      const again = await startEmbeddedPostgres({ dataDir, logger })
      expect(again.dataDir).toBe(cluster.dataDir)
      await again.stop()
      await rm(cluster.dataDir, { recursive: true })
    },
  )
})

describe('the end of the process that started it', () => {
  // A process of its own runs the build, as Node does not run TypeScript here.
  const built = fileURLToPath(new URL('../../dist/embedded/index.js', import.meta.url))

  function startElsewhere(dataDir: string | undefined, ending: string, detached = false) {
    const script = `
      const { startEmbeddedPostgres } = await import(${JSON.stringify(built)})
      const cluster = await startEmbeddedPostgres(${JSON.stringify(dataDir === undefined ? {} : { dataDir })})
      console.log(JSON.stringify({ dataDir: cluster.dataDir, url: cluster.url }))
      ${ending}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      detached,
    })
    const started = new Promise<{ dataDir: string; url: string }>((resolve, reject) => {
      child.stdout.once('data', (chunk: Buffer) => resolve(JSON.parse(chunk.toString())))
      child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
    })
    return { child, started }
  }

  it.each(['SIGINT', 'SIGKILL'] as const)(
    'starts where %s interrupted the making of its data folder',
    async (signal) => {
      const dataDir = join(folder, 'data')
      // All in one group, as Ctrl-C finds them.
      const { child: maker, started } = startElsewhere(dataDir, '', true)
      started.catch(() => {}) // it is ended before
      await eventually(() => readFile(join(dataDir, 'PG_VERSION')))
      process.kill(-(maker.pid ?? 0), signal)
      await eventually(() => expect(maker.exitCode ?? maker.signalCode).not.toBe(null))
      const cluster = await startEmbeddedPostgres({ dataDir, logger })
      expect(await ask(cluster.url, 'SELECT 1 AS one')).toEqual({ one: 1 })
      expect(await readdir(folder)).toEqual(['data'])
      await cluster.stop()
    },
  )

  it.each(['SIGINT', 'SIGTERM', 'SIGKILL', 'process.exit(3)', 'throw new Error("on purpose")', ''])(
    '(%s) leaves neither processes nor temporary data behind',
    async (how) => {
      const signal = how.startsWith('SIG')
      const { child, started } = startElsewhere(
        undefined,
        signal ? 'setInterval(() => {}, 1000)' : `await new Promise((r) => setTimeout(r, 300)); ${how}`,
      )
      const { dataDir } = await started
      const pid = await pidOf(dataDir)
      expect(isAlive(pid)).toBe(true)
      // The names above are those of signals.
      if (signal) child.kill(how as NodeJS.Signals)
      await eventually(() => !isAlive(pid), { timeoutMs: 20_000 })
      await eventually(() => expect(readFile(join(dataDir, 'PG_VERSION'))).rejects.toThrow(/ENOENT/), {
        timeoutMs: 20_000,
      })
    },
  )

  it.skipIf(process.platform !== 'linux')(
    'says that a folder cannot be made where the file system takes none',
    async () => {
      for (const dataDir of [
        '/proc/nope',
        '/proc/nope/deeper/still',
        join(process.execPath, 'below-a-file'),
      ]) {
        await expect(startEmbeddedPostgres({ dataDir, logger })).rejects.toThrow(/cannot be made/)
      }
    },
  )

  it('refuses a folder that another living process uses', async () => {
    const dataDir = join(folder, 'data')
    const { child, started } = startElsewhere(dataDir, 'setInterval(() => {}, 1000)')
    const { url } = await started
    await expect(startEmbeddedPostgres({ dataDir, logger })).rejects.toThrow(
      new RegExp(`in use by process ${child.pid}`),
    )
    expect(await ask(url, 'SELECT 1 AS one')).toEqual({ one: 1 })
    child.kill('SIGKILL')
    // Takes over: waits for, or ends, what the other left.
    const cluster = await startEmbeddedPostgres({ dataDir, logger })
    expect(await ask(cluster.url, 'SELECT 1 AS one')).toEqual({ one: 1 })
    await cluster.stop()
  })
})
