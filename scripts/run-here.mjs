import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { endWithNpm } from './parent.mjs'
import { root } from './step.mjs'

/**
 * Runs a built program in this process, as if it had been named on the command line: signals and the exit
 * code are its own, and no process in between can outlive it.
 * @param {string} path from the root
 * @param {readonly string[]} args
 */
export async function runHere(path, args) {
  const file = join(root, path)
  process.argv = [process.execPath, file, ...args]
  endWithNpm()
  await import(pathToFileURL(file).href)
}
