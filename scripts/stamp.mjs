import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from './step.mjs'

/**
 * Something that is made from inputs. It is fresh while its outputs exist and its inputs hash to what they
 * hashed to when it was last made; times of files do not matter, a new checkout changes them all.
 * @typedef {object} Made
 * @property {string} name of the stamp
 * @property {readonly string[]} inputs files and folders, from the root
 * @property {readonly string[]} outputs files that must exist
 */

const folder = join(root, 'node_modules/.lockstep')
const left = new Set([
  'node_modules',
  'dist',
  'build',
  'artifacts',
  'coverage',
  '.lockstep',
  '.lockstep-todos',
])

/** @param {Made} made */
export async function isFresh(made) {
  if (!made.outputs.every((path) => existsSync(join(root, path)))) return false
  const stamp = await readFile(join(folder, made.name), 'utf8').catch(() => '')
  return stamp !== '' && stamp === (await hashOf(made))
}

/**
 * @param {Made} made
 * @param {string} [hash] taken before the making, where inputs may have changed since
 */
export async function markFresh(made, hash) {
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, made.name), hash ?? (await hashOf(made)))
}

/**
 * @param {Made} made
 * @returns {Promise<string>}
 */
export async function hashOf(made) {
  const hash = createHash('sha256').update(
    `${process.platform} ${process.arch} ${process.versions.modules}\n`,
  )
  for (const input of made.inputs) {
    for (const path of await filesUnder(input)) {
      const bytes = await readFile(join(root, path))
      hash.update(`${path} ${bytes.length}\n`).update(bytes)
    }
  }
  return hash.digest('hex')
}

/**
 * @param {string} path
 * @returns {Promise<string[]>} files, sorted, without tests, which nothing is built from
 */
async function filesUnder(path) {
  const facts = await stat(join(root, path)).catch(() => undefined)
  if (facts === undefined) return []
  if (facts.isFile()) return /\.test\.tsx?$|\.tsbuildinfo$/.test(path) ? [] : [path]
  const names = (await readdir(join(root, path))).filter((name) => !left.has(name)).sort()
  return (await Promise.all(names.map((name) => filesUnder(`${path}/${name}`)))).flat()
}
