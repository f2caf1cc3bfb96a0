import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { createDatabase, freePort } from '@lockstep/testing'
import { describe, expect, test } from 'vitest'

const main = fileURLToPath(new URL('../../dist/server/main.js', import.meta.url))

interface Run {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs the built program to its end; `onOut` sees what it has printed so far. */
function run(env: Record<string, string>, onOut?: (out: string, stop: () => void) => void): Promise<Run> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH, ...env } })
    let [out, err] = ['', '']
    child.stdout.on('data', (chunk) => {
      out += chunk
      onOut?.(out, () => child.kill('SIGINT'))
    })
    child.stderr.on('data', (chunk) => {
      err += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, out, err: err.trim() }))
  })
}

describe('what cannot start says why and what to do, in one message', () => {
  test('a port in use', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, resolve))
    const address = other.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const { code, err } = await run({ PORT: String(port), DATABASE_URL: 'postgres://x@127.0.0.1:1/x' })
    other.close()
    expect(code).toBe(1)
    expect(err).toBe(
      `Port ${port} is in use by another program. Stop that program, or choose another port: PORT=3000 npm start`,
    )
  })

  test.each([
    ['PORT', '65536', /^PORT is "65536", which is no port\./],
    ['DATABASE_URL', 'hello', /^DATABASE_URL is not the address of a Postgres\./],
    ['DATABASE_URL', 'postgres://nobody:secret@127.0.0.1:1/none', /^Nothing answers at 127\.0\.0\.1:1\./],
  ])('a wrong %s: %s', async (name, value, message) => {
    const { code, err } = await run({ PORT: String(await freePort()), [name]: value })
    expect(code).toBe(1)
    expect(err).toMatch(message)
    expect(err).not.toContain('secret')
    expect(err).not.toContain('    at ')
  })
})

test('prints its address and the sign-ins, and Ctrl-C ends it cleanly', async () => {
  const database = await createDatabase()
  const port = await freePort()
  const { code, out } = await run(
    { PORT: String(port), DATABASE_URL: database.url, REDIS_URL: 'redis://127.0.0.1:1' },
    (printed, stop) => {
      if (printed.includes('Ctrl-C')) stop()
    },
  )
  expect(out).toContain(`http://localhost:${port}`)
  expect(out).toContain('alice@example.com')
  expect(out).toContain('olivia@example.com')
  expect(out).toContain('REDIS_URL is ignored for now')
  expect(code).toBe(0)
  await database.drop()
})
