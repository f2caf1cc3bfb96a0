import { describe, expect, it } from 'vitest'
import { row } from '../bench.ts'
import { formatNumber, formatTable } from './table.ts'

describe('the table', () => {
  it('says of each goal whether it is met, and leaves out what is not known', () => {
    const text = formatTable({
      bench: 'fanout',
      rows: [
        row({
          metric: 'a',
          unit: 'us',
          lockstep: 1.234,
          control: 1,
          ratio: 1.234,
          target: '<= 2',
          met: true,
        }),
        row({ metric: 'b', unit: 'us', lockstep: 3, peers: { ws: 2 }, target: '<= 2', met: false }),
        row({ metric: 'c', unit: 'us' }),
      ],
    })
    const [title, heads, , a, b, c] = text.split('\n')
    expect(title).toMatch(/^fanout +\(limit: /)
    expect(heads).toMatch(/^metric +unit +lockstep +control +limit +peers +ratio +target +met$/)
    expect(a).toMatch(/^a +us +1\.23 +1 +- +1\.23 +<= 2 +yes$/)
    expect(b).toMatch(/^b +us +3 +- +- +ws 2 +<= 2 +NO$/)
    expect(c).toMatch(/^c +us +- +- +-$/)
  })

  it('shows three digits below a thousand and whole numbers above', () => {
    expect([0, 0.12345, 12.345, 999.4, 1234.5, 1_000_000].map(formatNumber)).toEqual([
      '0',
      '0.123',
      '12.3',
      '999',
      '1,235',
      '1,000,000',
    ])
  })
})
