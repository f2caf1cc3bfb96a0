import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-chaos-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** As on the command line: the built program, in a process of its own. */
function chaos(...args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const main = fileURLToPath(new URL('../../dist/chaos/main.js', import.meta.url))
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
  }
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, output })))
}

test('G1 to G12: half a minute of faults of every kind breaks no promise, and can be looked at again', async () => {
  const run = await chaos('--quick', '--seed', '11', '--out', folder)
  expect(run.output).toMatch(/\n.*no violation\n$/)
  expect(run.code).toBe(0)
  const [, faults = '', commits = ''] = /(\d+) faults, (\d+) commits, no violation/.exec(run.output) ?? []
  expect(Number(faults)).toBeGreaterThan(20)
  expect(Number(commits)).toBeGreaterThan(20)
  const again = await chaos('--check', join(folder, 'history.ndjson'))
  expect(again.output).toMatch(/^\d+ events, 0 violations\n$/)
}, 300_000)
