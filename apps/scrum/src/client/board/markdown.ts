import { micromark } from 'micromark'
import { gfm, gfmHtml } from 'micromark-extension-gfm'

/** Texts rendered lately; opening and closing an item does not render it again. */
const rememberedMax = 200
const remembered = new Map<string, string>()

/**
 * Markdown with tables, task lists, strikethrough and links, as HTML. Safe to put into a page: HTML in the
 * text comes out as text, and links that are not http, https, mailto or relative lose their address.
 */
export function renderMarkdown(text: string): string {
  let html = remembered.get(text)
  if (html === undefined) {
    html = micromark(text, { extensions: [gfm()], htmlExtensions: [gfmHtml()] })
    if (remembered.size >= rememberedMax) remembered.clear()
    remembered.set(text, html)
  }
  return html
}
