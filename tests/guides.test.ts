import { describe, expect, it } from 'vitest'
import { filesUnder, readText } from './tree/source-tree.ts'

/** Guides whose code is run by tests, and where the code stands that is run. */
const guides: Readonly<Record<string, string>> = {
  'docs/coming-from-faye.md': 'docs/examples/coming-from-faye',
  'docs/idempotence.md': 'docs/examples/idempotence',
  'docs/testing-faults.md': 'docs/examples/faults',
  'docs/life-of-a-change.md': 'tests/life-of-a-change',
}
const languages = new Set(['ts', 'tsx', 'js', 'html', 'sh', 'sql', 'gherkin'])

/** Fenced blocks of code, but for those that a run has written. */
function samplesOf(guide: string): string[] {
  return [...readText(guide).matchAll(/(<!-- run: .* -->\n)?^```(\w+)\n([\s\S]*?)^```/gm)]
    .filter(([, run, language = '']) => run === undefined && languages.has(language))
    .map(([, , , code = '']) => code)
}

/** Indentation depends on where a piece stands. */
const plain = (code: string): string => code.replace(/\s+/g, ' ').trim()

describe.each(Object.entries(guides))('%s', (guide, folder) => {
  const files = filesUnder(folder).map(readText).map(plain)

  it('shows only code that is run', () => {
    const samples = samplesOf(guide)
    expect(samples.length).toBeGreaterThan(0)
    expect(samples.filter((code) => !files.some((file) => file.includes(plain(code))))).toEqual([])
  })
})
