import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** Where a process runs: servers on one core, what loads them on another, so that neither takes from the other. */
export type Core = 'server' | 'load'

const canPin = process.platform === 'linux' && availableParallelism() > 1 && hasTaskset()

function hasTaskset(): boolean {
  return spawnSync('taskset', ['-c', '0', 'true'], { stdio: 'ignore' }).status === 0
}

/** Command and leading arguments that run Node on a core; plain Node where processes cannot be pinned. */
export function nodeOn(
  core: Core | undefined,
  flags: readonly string[],
): { command: string; flags: string[] } {
  if (core === undefined || !canPin) return { command: process.execPath, flags: [...flags] }
  return {
    command: 'taskset',
    flags: ['-c', core === 'server' ? '0' : '1', process.execPath, ...flags],
  }
}
