import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { citationsOf, titlesOf } from './tree/citations.ts'
import { exists, filesUnder, readText } from './tree/source-tree.ts'

const code = ['packages', 'apps', 'bench', 'sim', 'tests']
  .flatMap(filesUnder)
  .filter((path) => /\.tsx?$/.test(path))
const tests = code.filter((path) => /\.test\.tsx?$/.test(path))
const protocol = readText('docs/protocol.md')

/** Number of each rule to its text up to the next heading. */
const rules = new Map(
  [...protocol.matchAll(/^### ([A-Z]\d+) [^\n]*\n([\s\S]*?)(?=^#|$(?![\s\S]))/gm)].map((match) => [
    match[1] ?? '',
    match[2] ?? '',
  ]),
)
const cited = new Map(tests.map((path) => [path, citationsOf(titlesOf(path).join('\n'))]))

describe('docs/protocol.md', () => {
  it('has rules', () => {
    expect(rules.size).toBeGreaterThan(30)
    for (let i = 1; i <= 12; i++) expect(rules.has(`G${i}`)).toBe(true)
  })

  it('has every rule that it does not call untested cited by a test', () => {
    const all = new Set([...cited.values()].flat())
    const missing = [...rules].filter(([rule, text]) => !all.has(rule) && !/^Not tested: ./m.test(text))
    expect(missing.map(([rule]) => rule)).toEqual([])
  })

  it('calls no rule untested that a test cites', () => {
    const all = new Set([...cited.values()].flat())
    const tested = [...rules].filter(([rule, text]) => all.has(rule) && /^Not tested: ./m.test(text))
    expect(tested.map(([rule]) => rule)).toEqual([])
  })

  it('has every rule that a test cites', () => {
    const unknown = [...cited].flatMap(([path, numbers]) =>
      numbers.filter((number) => !rules.has(number)).map((number) => `${path} cites ${number}`),
    )
    expect(unknown).toEqual([])
  })

  it('has every rule that a docstring cites', () => {
    const unknown = code.flatMap((path) =>
      [...readText(path).matchAll(/docs\/protocol\.md ([A-Z]\d+)/g)]
        .map((match) => match[1] ?? '')
        .filter((number) => !rules.has(number))
        .map((number) => `${path} cites ${number}`),
    )
    expect(unknown).toEqual([])
  })

  it('names the tests of each promise that has some', () => {
    const bare = [...rules].filter(
      ([rule, text]) =>
        rule.startsWith('G') && !/^Not tested: ./m.test(text) && !/`[\w./-]+\.test\.tsx?`/.test(text),
    )
    expect(bare.map(([rule]) => rule)).toEqual([])
  })

  it('names only test files that are there and cite the promise', () => {
    const wrong = [...rules]
      .filter(([rule]) => rule.startsWith('G'))
      .flatMap(([rule, text]) =>
        [...text.matchAll(/`([\w./-]+\.test\.tsx?)`/g)]
          .map((match) => match[1] ?? '')
          .filter((path) => !cited.get(path)?.includes(rule))
          .map((path) => `${rule} names ${path}`),
      )
    expect(wrong).toEqual([])
  })
})

describe('documents', () => {
  const documents = filesUnder('').filter((path) => path.endsWith('.md'))

  it('link only to what is there', () => {
    expect(documents).toContain('README.md')
    const broken = documents.flatMap((path) =>
      [...proseOf(path).matchAll(/\]\(([^)\s]+)\)/g)]
        .map((match) => match[1] ?? '')
        .filter((link) => !/^[a-z]+:/.test(link))
        .filter((link) => {
          const [file = '', anchor] = link.split('#')
          const target = file === '' ? path : normalize(join(dirname(path), file))
          return !exists(target) || (anchor !== undefined && !anchorsOf(target).includes(anchor))
        })
        .map((link) => `${path} links to ${link}`),
    )
    expect(broken).toEqual([])
  })

  it('name only files that are there', () => {
    const broken = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md'].flatMap((path) =>
      [...readText(path).matchAll(/`((?:packages|apps|bench|sim|tests|scripts|docs)\/[\w./-]*[\w/])`/g)]
        .map((match) => match[1] ?? '')
        .filter((file) => !exists(file))
        .map((file) => `${path} names ${file}`),
    )
    expect(broken).toEqual([])
  })
})

/** Without fenced blocks: code may look like a link. */
const proseOf = (path: string): string => readText(path).replace(/^```[\s\S]*?^```/gm, '')

/** Anchors of a Markdown file's headings, spelled as code hosts spell them. */
function anchorsOf(path: string): string[] {
  return [...readText(path).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replace(/ /g, '-'),
  )
}
