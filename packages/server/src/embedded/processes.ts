import { readFile } from 'node:fs/promises'
import { run } from './run.ts'

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not ours to signal, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // it has gone already
  }
}

/** Waits for a process to end. @returns whether it did. */
export async function gone(pid: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs
  while (isAlive(pid) && !(await isZombie(pid))) {
    if (performance.now() > deadline) return false
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return true
}

/** A process that ended, and whose parent has not asked for its exit code (or never will, in a container). */
async function isZombie(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')')).startsWith(') Z')
}

/** Command line of a process, or an empty text. */
export async function commandOf(pid: number): Promise<string> {
  const own = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => undefined)
  if (own !== undefined) return own.replaceAll('\0', ' ')
  return (await run('ps', ['-o', 'command=', '-p', String(pid)])).stdout
}

export async function childrenOf(pid: number): Promise<readonly number[]> {
  const own = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => undefined)
  const text = own ?? (await run('pgrep', ['-P', String(pid)])).stdout
  return text.split(/\s+/).filter(Boolean).map(Number)
}

/** When a process began, in the system's own words; empty where it does not say. */
export async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // After the name, which may hold spaces and brackets, the start is the twentieth field.
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  return (await run('ps', ['-o', 'lstart=', '-p', String(pid)])).stdout.trim()
}
