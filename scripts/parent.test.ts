import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { eventually } from '@lockstep/testing'
import { expect, it } from 'vitest'

const module = fileURLToPath(new URL('./parent.mjs', import.meta.url))
const program = `
  const { endWithNpm } = await import('${module}')
  endWithNpm()
  setInterval(() => {}, 1000)
  console.log(process.pid)`

/** Starts the program from a shell, as npm does, ends the shell alone, and gives the program's process id. */
async function orphan(env: Record<string, string>): Promise<number> {
  const shell = spawn('sh', ['-c', `"$NODE" --input-type=module -e "$PROGRAM"; true`], {
    env: { NODE: process.execPath, PROGRAM: program, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [chunk] = await once(shell.stdout, 'data')
  shell.kill('SIGKILL')
  await once(shell, 'exit')
  return Number(String(chunk))
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

it('ends a program that npm has started and left behind', async () => {
  const pid = await orphan({ npm_lifecycle_event: 'start' })
  await eventually(() => expect(isRunning(pid)).toBe(false))
})

it('lets a program that was started otherwise outlive its shell', async () => {
  const bound = await orphan({ npm_lifecycle_event: 'start' })
  const free = await orphan({})
  try {
    await eventually(() => expect(isRunning(bound)).toBe(false)) // the time it takes
    expect(isRunning(free)).toBe(true)
  } finally {
    process.kill(free)
  }
})
