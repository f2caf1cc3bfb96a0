import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

interface Output {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(...args: readonly string[]): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (bytes) => {
      stdout += bytes
    })
    child.stderr.on('data', (bytes) => {
      stderr += bytes
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}

// The benches start processes from the build; `npm test` makes it first.
describe.skipIf(!existsSync(main))('npm run bench', () => {
  it('prints exactly one JSON document on standard output, an object for one bench', async () => {
    const { code, stdout, stderr } = await run('fanout', '--quick', '--json')
    expect(stderr).toContain('fanout: ')
    expect(code).toBe(0)
    const report = JSON.parse(stdout)
    expect(report.bench).toBe('fanout')
    for (const row of report.rows) {
      expect(row).toMatchObject({ metric: expect.any(String), unit: expect.any(String) })
      expect(row.lockstep).toBeGreaterThan(0)
      expect(row.control).toBeGreaterThan(0)
      expect(row.ratio).toBeGreaterThan(0)
      expect(Object.keys(row.peers)).toEqual(['ws', 'socket.io', 'faye'])
    }
  }, 120_000)

  it('names the benches there are when asked for another', async () => {
    const { code, stdout, stderr } = await run('fan-out')
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(
      'names: fanout decode latency memory resume-storm bayeux locks presence inspector board bundle',
    )
  })
})
