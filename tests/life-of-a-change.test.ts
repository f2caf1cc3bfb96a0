import { readFile, writeFile } from 'node:fs/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { blocksOf } from './life-of-a-change/blocks.ts'
import { checkOff, type Recorded } from './life-of-a-change/run.ts'

const page = new URL('../docs/life-of-a-change.md', import.meta.url)
/** A block of the page that a run has made: a comment with its name, and a fenced block. */
const block = /(<!-- run: ([a-z-]+) -->\n```\w+\n)([\s\S]*?)(\n```)/g

describe('docs/life-of-a-change.md', () => {
  let recorded: Recorded
  let text: string

  beforeAll(async () => {
    recorded = await checkOff()
    text = await readFile(page, 'utf8')
    if (process.env.LOCKSTEP_UPDATE_DOCS !== undefined) {
      const made = blocksOf(recorded)
      text = text.replace(block, (_all, before, name, _old, after) => before + made.get(name) + after)
      await writeFile(page, text)
    }
  }, 150_000)

  it('G2, W3, W4, M5, M7, Y5: shows what is said about one change, as a real run says it', () => {
    const shown = Object.fromEntries([...text.matchAll(block)].map(([, , name, content]) => [name, content]))
    const hint = 'LOCKSTEP_UPDATE_DOCS=1 npm test -- tests/life-of-a-change writes them anew'
    expect(shown, hint).toEqual(Object.fromEntries(blocksOf(recorded)))
  })

  it('G1: ends with the same rows in every collection', () => {
    const { alice, olivia, faye } = recorded.collections
    expect(alice).toEqual(olivia)
    expect(faye).toEqual(olivia)
    expect(olivia).toContainEqual(expect.objectContaining({ id: 17, done: true }))
  })

  it('W1: begins with exactly one request, which is one transaction', () => {
    const kinds = recorded.wal.map((message) => Object.keys(message)[0])
    expect(kinds).toEqual(['begin', 'relation', 'update', 'message', 'commit'])
  })
})
