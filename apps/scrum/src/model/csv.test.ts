import fc from 'fast-check'
import Papa from 'papaparse'
import { describe, expect, test } from 'vitest'
import { type CsvItem, readCsv, writeCsv } from './csv.ts'

const item = (more: Partial<CsvItem>): CsvItem => ({
  user_story: 'story',
  description: '',
  estimate: null,
  tags: [],
  tasks: [],
  ...more,
})

describe('CSV', () => {
  test('what is written is read back the same, whatever stands in it', () => {
    const words = fc
      .string({ unit: fc.constantFrom(...`a ,;"'=+-@|\n\t\r`), maxLength: 12 })
      .map((text) => text.replace(/\p{Cc}+/gu, ' ').trim())
    const line = words.filter((text) => text !== '')
    const tag = line.filter((text) => !text.includes(','))
    const any: fc.Arbitrary<CsvItem> = fc.record({
      user_story: line,
      description: fc.string({ unit: fc.constantFrom(...`a ,"'=+-@\n\t`), maxLength: 20 }),
      estimate: fc.option(fc.constantFrom(0, 0.5, 1, 13, 1000)),
      tags: fc.uniqueArray(tag, { maxLength: 3 }),
      tasks: fc.array(line, { maxLength: 3 }),
    })
    fc.assert(
      fc.property(fc.array(any, { maxLength: 8 }), (items) => {
        expect(readCsv(writeCsv(items))).toEqual({ items, faults: [] })
      }),
    )
  })

  test.each(['=1+1', '+1', '-1', '@sum', "'=1", '=cmd|" /C calc"!A1'])(
    'no cell of an exported file begins as the formula %j',
    (text) => {
      const csv = writeCsv([
        item({ user_story: text, description: `${text}\nmore`, tags: [text], tasks: [text] }),
      ])
      const cells = Papa.parse<string[]>(csv).data.slice(1).flat()
      expect(cells.filter((cell) => cell !== '' && !cell.startsWith("'"))).toEqual([])
      expect(readCsv(csv).items[0]?.user_story).toBe(text)
    },
  )

  test('heads may have other names, other places and company', () => {
    const text = '\uFEFFPriority,Points,Title,Labels\r\n1,½,"Pay, by card","money, till"\r\n,,,\r\n2,,Refund,'
    expect(readCsv(text)).toEqual({
      items: [
        item({ user_story: 'Pay, by card', estimate: 0.5, tags: ['money', 'till'] }),
        item({ user_story: 'Refund' }),
      ],
      faults: [],
    })
  })

  test('each faulty row is named as a spreadsheet counts it', () => {
    const text = `user story,estimate,tags\nfine,1,\n,2,\nlarge,many,\nx,5000,\n${'y'.repeat(501)},,\nz,,${'t'.repeat(41)}`
    const { items, faults } = readCsv(text)
    expect(items).toHaveLength(1)
    expect(faults.map(({ row }) => row)).toEqual([3, 4, 5, 6, 7])
    expect(readCsv('a,b\n1,2').faults).toEqual([{ row: 1, message: 'There is no column “user story”.' }])
    expect(readCsv('').faults).toHaveLength(1)
  })
})
