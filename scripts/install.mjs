import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isFresh, markFresh } from './stamp.mjs'
import { captureNpm, root, StepFailed } from './step.mjs'

/** Runs `npm ci` where node_modules is missing or does not hold what package-lock.json says. */
export async function ensureInstalled() {
  const stamp = {
    name: 'install',
    inputs: ['package-lock.json'],
    outputs: ['node_modules/.package-lock.json'],
  }
  if (await isFresh(stamp)) return
  if (await holdsLocked()) return markFresh(stamp)
  console.error('Installing packages (npm ci); the first time takes a minute ...')
  const { code, output } = await captureNpm(['ci', '--no-audit', '--no-fund'])
  if (code !== 0) {
    throw new StepFailed(
      `${reasonIn(output)}\n\nInstalling failed. Check the network and the registry (npm ping), then try again.`,
    )
  }
  await markFresh(stamp)
}

/**
 * What npm says of why it failed: the usage that it may add is of no help.
 * @param {string} output
 */
function reasonIn(output) {
  const [reason = ''] = output.split(/\n.*Clean install a project/)
  return reason.split('\n').slice(0, 40).join('\n').trimEnd()
}

/** Whether somebody's own `npm install` has already put every locked package there. */
async function holdsLocked() {
  const hidden = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(hidden)) return false
  const locked = await packagesOf(join(root, 'package-lock.json'))
  const installed = await packagesOf(hidden)
  return Object.entries(locked).every(([path, entry]) => {
    if (!path.startsWith('node_modules/') && !path.includes('/node_modules/')) return true
    // Packages for other platforms are locked, but not installed.
    return installed[path]?.version === entry.version || (entry.optional && !installed[path])
  })
}

/**
 * @param {string} path of a lockfile
 * @returns {Promise<Record<string, { version?: string, optional?: boolean }>>}
 */
async function packagesOf(path) {
  return JSON.parse(await readFile(path, 'utf8')).packages ?? {}
}
