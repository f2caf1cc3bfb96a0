import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { embedJson } from './page.ts'

describe('embedJson', () => {
  it('P7: gives JSON of the same value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(embedJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('P7: cannot end the script element it stands in, nor begin a comment', () => {
    const text = embedJson({ '</script>': '<!-- <script>\u2028\u2029' })
    expect(text).not.toMatch(/[<\u2028\u2029]/)
    expect(JSON.parse(text)).toEqual({ '</script>': '<!-- <script>\u2028\u2029' })
  })
})
