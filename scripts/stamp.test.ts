import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isFresh, markFresh } from './stamp.mjs'
import { root } from './step.mjs'

/** Inputs and outputs are named from the root, so the folder lies in it, where nobody looks. */
let folder: string
let made: { name: string; inputs: string[]; outputs: string[] }

beforeEach(async () => {
  folder = await mkdtemp(join(root, 'node_modules', '.stamp-test-'))
  const path = `node_modules/${basename(folder)}`
  made = { name: basename(folder), inputs: [`${path}/in`, `${path}/absent`], outputs: [`${path}/out`] }
  await writeFile(join(folder, 'in'), 'one')
  await writeFile(join(folder, 'out'), 'made of one')
})

afterEach(async () => {
  await rm(folder, { recursive: true })
  await rm(join(root, 'node_modules/.lockstep', made.name), { force: true })
})

describe('a stamp', () => {
  it('is missing before the first making', async () => {
    expect(await isFresh(made)).toBe(false)
  })

  it('holds while inputs have the same content, whatever their times', async () => {
    await markFresh(made)
    await writeFile(join(folder, 'in'), 'one')
    expect(await isFresh(made)).toBe(true)
  })

  it('does not hold once an input has another content, is new or is gone', async () => {
    await markFresh(made)
    await writeFile(join(folder, 'in'), 'two')
    expect(await isFresh(made)).toBe(false)
    await writeFile(join(folder, 'in'), 'one')
    await writeFile(join(folder, 'absent'), '')
    expect(await isFresh(made)).toBe(false)
    await rm(join(folder, 'absent'))
    await rm(join(folder, 'in'))
    expect(await isFresh(made)).toBe(false)
  })

  it('does not hold without the outputs', async () => {
    await markFresh(made)
    await rm(join(folder, 'out'))
    expect(await isFresh(made)).toBe(false)
  })
})
