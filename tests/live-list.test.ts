import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
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
  let said = ''

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
    await build({ ...quiet, build: { outDir: join(outDir, 'public'), emptyOutDir: true } })
    await build({ ...quiet, build: { outDir, emptyOutDir: false, ssr: 'server.ts', target: 'node20' } })
    vi.unstubAllEnvs()
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    server = spawn(process.execPath, [join(outDir, 'server.js')], {
      cwd: outDir,
      env: { ...process.env, DATABASE_URL: cluster.url, PORT: String(port) },
    })
    server.stderr?.on('data', (chunk) => {
      said += chunk
    })
    await eventually(async () => {
      if (server.exitCode !== null) throw new Error(`the server ended: ${said}`)
      expect((await fetch(`${url}/lockstep/health`)).status).toBe(200)
    })
    browser = await launchChromium()
  })

  afterAll(async () => {
    await browser?.close()
    server?.kill('SIGKILL')
    await cluster?.stop()
    await rm(outDir, { recursive: true, force: true })
  })

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
})
