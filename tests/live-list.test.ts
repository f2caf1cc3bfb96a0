import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  eventually,
  freePort,
  launchChromium,
  startPostgres,
  type TestPostgres,
  withoutBrowser,
} from '@lockstep/testing'
import type { Browser, Page } from 'playwright-core'
import postgres from 'postgres'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import config from '../vitest.config.ts'
import { readText, root } from './tree/source-tree.ts'

const example = join(root, 'docs/examples/live-list')
/** Inside the checkout, so that what is built finds its packages. */
const outDir = join(root, 'node_modules/.lockstep/live-list')

describe('the first live list', () => {
  it.each(['schema.sql', 'server.ts', 'page.tsx'])('stands in the README word for word: %s', async (file) => {
    expect(readText('README.md')).toContain((await readFile(join(example, file), 'utf8')).trimEnd())
  })
})

describe.skipIf(withoutBrowser())('the first live list, built and run', () => {
  let cluster: TestPostgres
  let server: ChildProcess
  let browser: Browser
  let url: string
  /** Of the server that has a Postgres of its own. */
  let folder = ''

  beforeAll(async () => {
    cluster = await startPostgres()
    const sql = postgres(cluster.url, { max: 1 })
    await sql.unsafe(await readFile(join(example, 'schema.sql'), 'utf8'))
    await sql.end()
    vi.stubEnv('NODE_ENV', 'production')
    // As in all tests, the packages are taken from their sources.
    const { resolve } = config
    const quiet = {
      root: example,
      logLevel: 'error',
      configFile: false,
      ...(resolve && { resolve }),
    } as const
    await build({ ...quiet, build: { outDir: join(outDir, 'page'), emptyOutDir: true } })
    await build({
      ...quiet,
      build: { outDir: join(outDir, 'build'), emptyOutDir: true, ssr: 'server.ts', target: 'node20' },
    })
    vi.unstubAllEnvs()
    await start('build/server.js', { DATABASE_URL: cluster.url })
    browser = await launchChromium()
  })

  afterAll(async () => {
    await browser?.close()
    server?.kill('SIGKILL')
    await cluster?.stop()
    await rm(outDir, { recursive: true, force: true })
    // The Postgres in it may still be ending.
    if (folder !== '') await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 })
  })

  /** Runs a file of the folder, and waits until it answers. */
  const start = async (
    file: string,
    env: Readonly<Record<string, string>> = {},
    cwd: string = outDir,
  ): Promise<void> => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    server = spawn(process.execPath, [join(outDir, file)], {
      cwd,
      env: { ...process.env, ...env, PORT: String(port) },
    })
    let said = ''
    server.stderr?.on('data', (chunk) => {
      said += chunk
    })
    await eventually(
      async () => {
        if (server.exitCode !== null) throw new Error(`the server ended: ${said}`)
        expect((await fetch(`${url}/lockstep/health`)).status).toBe(200)
      },
      { timeoutMs: 50_000 },
    )
  }

  const rowsOf = (page: Page): Promise<string[]> => page.locator('p').allTextContents()

  it('shows on one page what is typed on another, and what SQL writes', async () => {
    const [one, two] = [await browser.newPage(), await browser.newPage()]
    for (const page of [one, two]) {
      await page.goto(url)
      await page.getByText('live').waitFor()
    }
    await one.getByLabel('New').fill('Buy milk')
    await one.keyboard.press('Enter')
    await eventually(async () => expect(await rowsOf(two)).toEqual(['Buy milk']))
    await eventually(async () => expect(await rowsOf(one)).toEqual(['Buy milk']))
    const sql = postgres(cluster.url, { max: 1 })
    await sql`UPDATE todos SET title = 'Buy bread'`
    await sql.end()
    for (const page of [one, two])
      await eventually(async () => expect(await rowsOf(page)).toEqual(['Buy bread']))
  })

  it('starts with a Postgres of its own', async () => {
    server.kill('SIGKILL')
    // Where Postgres may go: a checkout may be closed to the account that it runs under.
    folder = await mkdtemp(join(tmpdir(), 'lockstep-live-list-'))
    await chmod(folder, 0o755)
    await copyFile(join(example, 'start.js'), join(outDir, 'start.js'))
    await copyFile(join(example, 'schema.sql'), join(folder, 'schema.sql'))
    await start('start.js', {}, folder)
    const reply = await fetch(`${url}/api/list/1/todos`, {
      method: 'POST',
      body: JSON.stringify({ title: 'Buy milk' }),
    })
    expect(reply.status).toBe(204)
    expect(await (await fetch(`${url}/lockstep/snapshot/list/1`)).text()).toContain('Buy milk')
    const ended = once(server, 'exit')
    server.kill('SIGINT')
    await ended
  })
})
