import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ensureInstalled } from './install.mjs'
import { hashOf, isFresh, markFresh } from './stamp.mjs'
import { captureBin, captureNpm, root, StepFailed, tail } from './step.mjs'

/**
 * @typedef {import('./stamp.mjs').Made & {
 *   title: string,
 *   make: () => Promise<{ code: number, output: string }>,
 * }} Target
 */

const libraries = ['packages/protocol', 'packages/server', 'packages/client', 'packages/testing']

/** @type {Target} */
export const packages = {
  name: 'packages',
  title: 'packages',
  inputs: [...libraries, 'bench', 'sim', 'tsconfig.json', 'tsconfig.base.json', 'package-lock.json'],
  outputs: [...libraries.map((path) => `${path}/dist/index.js`), 'bench/dist/main.js', 'sim/dist/main.js'],
  make() {
    // An output that is gone is not missed by tsc as long as its .tsbuildinfo is there.
    const forced = packages.outputs.every((path) => existsSync(join(root, path))) ? [] : ['--force']
    return captureBin('typescript/bin/tsc', ['-b', ...forced])
  },
}

/** @type {Target} */
export const scrum = {
  name: 'scrum',
  title: 'the Scrum board',
  inputs: ['apps/scrum', ...packages.inputs],
  outputs: ['apps/scrum/dist/server/main.js'],
  make: () => captureNpm(['run', 'build', '--silent', '-w', 'apps/scrum']),
}

/** @type {Target} */
export const todos = {
  name: 'todos',
  title: 'the todo lists',
  inputs: ['apps/todos', ...packages.inputs],
  outputs: ['apps/todos/dist/server/main.js'],
  make: () => captureNpm(['run', 'build', '--silent', '-w', 'apps/todos']),
}

/**
 * Makes a target, fresh or not, and remembers when that went well.
 * @param {Target} target
 */
export async function make(target) {
  const hash = await hashOf(target)
  const result = await target.make()
  if (result.code === 0) await markFresh(target, hash)
  return result
}

/** Installs and builds what is stale. @param {readonly Target[]} targets */
async function makeReady(targets) {
  await ensureInstalled()
  for (const target of targets) {
    if (await isFresh(target)) continue
    console.error(`Building ${target.title} ...`)
    const { code, output } = await make(target)
    if (code !== 0) {
      throw new StepFailed(
        `${tail(output, 80)}\n\nBuilding ${target.title} failed; mend what is named above.`,
      )
    }
  }
}

/** For programs that need only the packages. */
export const readyPackages = () => makeReady([packages])

/** For the Scrum board. */
export const readyScrum = () => makeReady([packages, scrum])

/** For the todo lists. */
export const readyTodos = () => makeReady([packages, todos])

/** For programs that need the applications too. */
export const readyAll = () => makeReady([packages, scrum, todos])

/** `npm run build` */
export default async function build() {
  await readyAll()
  console.log('Everything is built.')
}
