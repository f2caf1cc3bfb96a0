import { describe, expect, test } from 'vitest'
import { renderMarkdown } from './markdown.ts'

describe('renderMarkdown', () => {
  test('renders tables, task lists, strikethrough and links', () => {
    const html = renderMarkdown('| a |\n|---|\n| ~~b~~ |\n\n- [x] done\n\nhttps://example.com')
    expect(html).toContain('<table>')
    expect(html).toContain('<del>b</del>')
    expect(html).toContain('type="checkbox"')
    expect(html).toContain('<a href="https://example.com">')
  })

  test.each([
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '<iframe srcdoc="<script>alert(1)</script>">',
    '**<svg onload=alert(1)>**',
  ])('shows HTML as text: %s', (text) => {
    expect(renderMarkdown(text)).not.toMatch(/<(script|img|iframe|svg)/i)
  })

  test.each(['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', 'vbscript:x'])(
    'takes the address from a link to %s',
    (address) => {
      expect(renderMarkdown(`[link](<${address}>)`)).toBe('<p><a href="">link</a></p>')
    },
  )
})
