import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { transformWithOxc } from 'vite'
import { describe, expect, test } from 'vitest'
import { hunt } from './hunt.ts'
import { distPath } from './loader.ts'
import { plant } from './mutant.ts'
import { mutants } from './mutants.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const builtOf = (file: string): string => `${root}${distPath(file).slice(1)}`
const sourceOf = (file: string): string => builtOf(file).replace('/dist/', '/src/').replace(/js$/, 'ts')

describe('planted faults', () => {
  test('are many, with names of their own, each of a promise', () => {
    expect(mutants.length).toBeGreaterThanOrEqual(25)
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
    for (const { breaks } of mutants) expect(breaks.join(' ')).toMatch(/^(G\d+ ?)+$/)
    const broken = new Set(mutants.flatMap(({ breaks }) => breaks))
    for (let n = 1; n <= 12; n++) expect(broken).toContain(`G${n}`)
  })

  test('stand in docs/reliability.md', () => {
    const rows = readFileSync(`${root}docs/reliability.md`, 'utf8').split('\n')
    for (const { name, about, breaks } of mutants) {
      expect(rows).toContain(`| ${name} | ${about} | ${breaks.join(', ')} |`)
    }
  })

  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s stands in source and build once, and is code',
    async (_, { edits }) => {
      for (const file of new Set(edits.map((edit) => edit.file))) {
        const own = edits.filter((edit) => edit.file === file)
        for (const path of [sourceOf(file), builtOf(file)]) {
          const source = readFileSync(path, 'utf8')
          const planted = plant(source, own)
          expect(planted).not.toBe(source)
          await expect(transformWithOxc(planted, path)).resolves.toBeDefined()
        }
      }
    },
  )

  // All of them take minutes: `npm run sim -- --mutants`.
  test.each(['bundle split', 'revoked is only said', 'own operations echoed', 'resolved before its effect'])(
    '%s is found in a few seeds, and told in a few steps',
    async (name) => {
      const mutant = mutants.find((other) => other.name === name)
      if (mutant === undefined) throw new Error(`there is no mutant ${name}`)
      const program = builtOf('sim/mutants/seek').replace('/packages/', '/')
      const { found } = await hunt(mutant, 60, { program, tells: true })
      expect(mutant.breaks).toContain(found?.violation.promise)
      const steps = /^\d+ steps became (\d+) in/.exec(found?.story ?? '')?.[1]
      expect(Number(steps)).toBeLessThanOrEqual(8)
      expect(found?.story.split('\n').length).toBeLessThanOrEqual(70)
      expect(found?.story).toContain(`!! ${found?.violation.promise}`)
    },
    240_000,
  )
})
