import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Makes a folder and those above it that are missing. As `mkdir` with `recursive`, which tries for ever where the
 * file system takes no folders, as `/proc`.
 */
export async function makeDeepFolder(folder: string, mode: number): Promise<void> {
  const missing: string[] = []
  for (let at = folder; !(await isMade(at, mode)); at = dirname(at)) missing.push(at)
  for (const each of missing.reverse()) {
    // Another process may have made it meanwhile.
    await mkdir(each, { mode }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
  }
  if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is a file`)
}

/** False: a folder above it is missing. */
async function isMade(folder: string, mode: number): Promise<boolean> {
  try {
    await mkdir(folder, { mode })
    return true
  } catch (error) {
    const code = codeOf(error)
    if (code === 'EEXIST') return true
    if (code === 'ENOENT' && dirname(folder) !== folder) return false
    throw error
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}
