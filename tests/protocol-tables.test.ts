import * as protocol from '@lockstep/protocol'
import { type ErrorCode, errorTable } from '@lockstep/protocol'
import { describe, expect, it } from 'vitest'
import { defaultLimits } from '../packages/server/src/limits.ts'
import { readText } from './tree/source-tree.ts'

/** Cells of the table below the heading of a rule, without the header. */
function tableOf(rule: string): string[][] {
  const text = readText('docs/protocol.md')
  const [, section = ''] = text.split(new RegExp(`^### ${rule} .*$`, 'm'))
  const [own = ''] = section.split(/^#/m)
  const lines = own.split('\n').filter((line) => line.startsWith('|'))
  return lines.slice(2).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

const numberOf = (cell: string | undefined): number => Number(cell?.replace(/[ ,]/g, ''))

describe('the tables of docs/protocol.md', () => {
  it('E1: lists every error with the facts that the code has', () => {
    // The keys of the table are the codes, by its type.
    const codes = Object.keys(errorTable) as ErrorCode[]
    const facts = codes.map((code) => {
      const { http, close, retryable } = errorTable[code]
      return [code, String(http), String(close), retryable ? 'yes' : 'no']
    })
    const rows = tableOf('E1')
    expect(rows.map((cells) => cells.slice(0, 4))).toEqual(facts)
    for (const [code, , , , meaning] of rows) expect(meaning, code).not.toBe('')
  })

  it('L1: lists every bound that both sides know, with its value', () => {
    const bounds = Object.entries(protocol).filter(([name]) => /Max$/.test(name))
    const listed = tableOf('L1').map(([name, value]) => [name, numberOf(value)])
    expect(listed).toEqual(bounds.sort(([a], [b]) => (a < b ? -1 : 1)))
  })

  it('L2: lists every limit of the server, with its default', () => {
    expect(tableOf('L2').map(([name, value]) => [name, numberOf(value)])).toEqual(
      Object.entries(defaultLimits),
    )
  })

  it('R1: lists every reason of a reset', () => {
    const source = readText('packages/protocol/src/messages.ts')
    const [, union = ''] = /export type ResetReason =([\s\S]*?)\n\nexport/.exec(source) ?? []
    const reasons = [...union.matchAll(/'(\w+)'/g)].map((match) => match[1])
    expect(reasons.length).toBeGreaterThan(5)
    expect(tableOf('R1').map(([reason]) => reason)).toEqual(reasons)
  })

  it('M5: gives as examples only JSON, of types that the protocol has', () => {
    const text = readText('docs/protocol.md')
    const types = new Set(
      ['', 'lock-', 'presence-'].flatMap((about) =>
        [...readText(`packages/protocol/src/${about}messages.ts`).matchAll(/type: '(\w+)'/g)].map(
          (m) => m[1],
        ),
      ),
    )
    const examples = [...text.matchAll(/```json\n([\s\S]*?)```/g)].flatMap((match) =>
      (match[1] ?? '')
        .trim()
        .split(/\n(?=\{)/)
        .map((example): { type: string } => JSON.parse(example)),
    )
    expect(examples.length).toBeGreaterThan(15)
    expect(examples.map((example) => example.type).filter((type) => !types.has(type))).toEqual([])
    const shown = new Set(examples.map((example) => example.type))
    expect([...types].filter((type) => type !== undefined && !shown.has(type))).toEqual([])
  })
})
