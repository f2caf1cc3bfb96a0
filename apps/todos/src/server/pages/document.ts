import { embedJson } from '@lockstep/protocol'
import type { Context } from 'hono'
import { Html, html } from '../../markup/html.ts'
import { pageElementId } from '../../model/page.ts'
import type { Assets } from './assets.ts'

export interface Document {
  readonly title: string
  readonly body: Html
  /** Addresses of scripts that run first, one after the other. */
  readonly libraries?: readonly string[]
  /** Address of the page's own script, and what it begins with. */
  readonly script?: { readonly address: string; readonly data: unknown }
}

export type PageStatus = 200 | 400 | 401 | 403 | 404 | 429 | 500

export function showDocument(
  c: Context,
  assets: Assets,
  shown: Document,
  status: PageStatus = 200,
): Response {
  // A page is for one reader, once.
  c.header('Cache-Control', 'no-store')
  return c.html(documentOf(assets, shown).text, status)
}

function documentOf(assets: Assets, { title, body, libraries = [], script }: Document): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f4f4f8" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#121218" media="(prefers-color-scheme: dark)">
<title>${title} · Lockstep Todos</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
${assets.fonts.map((href) => html`<link rel="preload" as="font" type="font/woff2" crossorigin href="${href}">`)}
${assets.styles.map((href) => html`<link rel="stylesheet" href="${href}">`)}
${libraries.map((src) => html`<script defer src="${src}"></script>`)}
${script !== undefined && html`<script type="module" src="${script.address}"></script>`}
</head>
<body>
${body}
${script !== undefined && html`<script type="application/json" id="${pageElementId}">${new Html(embedJson(script.data))}</script>`}
</body>
</html>
`
}
