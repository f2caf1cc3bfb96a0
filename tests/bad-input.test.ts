import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { filesUnder, readText } from './tree/source-tree.ts'

const tests = ['packages', 'tests'].flatMap(filesUnder).filter((path) => /\.test\.tsx?$/.test(path))

/** Rows of the tables of docs/bad-input.md: what comes, what it gets, which test. */
const rows = readText('docs/bad-input.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (---|what (comes|happens) \|)/.test(line))
  .map((line) => line.slice(2, -2).split(' | '))

/** Files of this name: several, where two stages have one of theirs. */
const filesOf = (name: string): string[] =>
  tests.filter((path) => basename(path).replace(/\.test\.tsx?$/, '') === name)

describe('docs/bad-input.md', () => {
  it('has rows of three cells', () => {
    expect(rows.length).toBeGreaterThan(80)
    expect(rows.filter((cells) => cells.length !== 3 || cells.some((cell) => cell.trim() === ''))).toEqual([])
  })

  it('names for each row a test that is there', () => {
    const bare = rows.filter(([, , proof = '']) => {
      const [, name = '', words = ''] = /^`([\w-]+)` (.{4,})$/.exec(proof) ?? []
      return !filesOf(name).some((path) => readText(path).includes(words))
    })
    expect(bare).toEqual([])
  })

  it('has a row for whatever the tests of bad input are about', () => {
    const named = new Set(rows.map(([, , proof = '']) => /^`([\w-]+)`/.exec(proof)?.[1]))
    const own = tests.map((path) => basename(path).replace(/\.test\.tsx?$/, ''))
    expect(own.filter((name) => name.startsWith('bad-input-') && !named.has(name))).toEqual([])
  })
})
