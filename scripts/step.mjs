import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Root of the checkout. */
export const root = fileURLToPath(new URL('..', import.meta.url))

/** A step that failed; the message is all that its reader needs. */
export class StepFailed extends Error {
  /** @override */
  name = 'StepFailed'
}

/**
 * Runs a program in the root and takes what it prints.
 * @param {string} file
 * @param {readonly string[]} args
 * @param {{ env?: NodeJS.ProcessEnv, shell?: boolean }} [options]
 * @returns {Promise<{ code: number, output: string }>} exit code, 1 where it could not start or was killed
 */
export function capture(file, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options })
    let output = ''
    const take = (/** @type {Buffer} */ chunk) => {
      output += chunk.toString()
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.on('error', (error) => resolve({ code: 1, output: error.message }))
    child.on('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/**
 * Runs a JavaScript program of an installed package, e.g. `typescript/bin/tsc`, without a shell: paths with
 * spaces need no quoting and no wrapper process stays behind.
 * @param {string} path inside node_modules
 * @param {readonly string[]} args
 */
export function captureBin(path, args) {
  return capture(process.execPath, [
    fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url)),
    ...args,
  ])
}

/**
 * Runs npm as this process was run by it, or from the PATH.
 * @param {readonly string[]} args
 */
export function captureNpm(args) {
  const cli = process.env.npm_execpath
  if (cli?.endsWith('.js')) return capture(process.execPath, [cli, ...args])
  return capture('npm', args, { shell: process.platform === 'win32' })
}

/**
 * The last lines of a program's output, for people.
 * @param {string} output
 * @param {number} [lines]
 */
export function tail(output, lines = 40) {
  return output.trimEnd().split('\n').slice(-lines).join('\n')
}
