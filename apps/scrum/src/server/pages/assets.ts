import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { serveStatic } from '@hono/node-server/serve-static'
import type { MiddlewareHandler } from 'hono'
import type { Page } from '../../model/page.ts'

/** Where the built client is: `client/` for browsers, `ssr/` for rendering on the server. */
const built = new URL('../../../dist/', import.meta.url)

export interface Assets {
  /** Address of the page's script. */
  readonly script: string
  readonly styles: readonly string[]
  /** Fonts that the first paint needs. */
  readonly fonts: readonly string[]
  /** The page's HTML inside its root element. */
  render(page: Page): string
}

interface ManifestChunk {
  readonly file: string
  readonly isEntry?: boolean
  readonly css?: readonly string[]
  readonly assets?: readonly string[]
}

/** @throws Error that names the command, where the client has not been built */
export async function loadAssets(): Promise<Assets> {
  let text: string
  try {
    text = await readFile(new URL('client/.vite/manifest.json', built), 'utf8')
  } catch (cause) {
    throw new Error('The pages are not built yet. Run: npm run build', { cause })
  }
  // Written by our own build.
  const manifest = JSON.parse(text) as Record<string, ManifestChunk>
  const entry = Object.values(manifest).find((chunk) => chunk.isEntry)
  if (entry === undefined) throw new Error('The built pages have no entry. Run: npm run build')
  // Also of our own build; its only export is the renderer.
  const { render } = (await import(new URL('ssr/render.js', built).href)) as Pick<Assets, 'render'>
  return {
    script: `/${entry.file}`,
    styles: (entry.css ?? []).map((file) => `/${file}`),
    fonts: (entry.assets ?? [])
      .filter((file) => /latin-wght-normal.*\.woff2$/.test(file) && !/-ext-/.test(file))
      .map((file) => `/${file}`),
    render,
  }
}

/** Serves built files; hashed ones never change under their name and may be kept for ever. */
export function serveAssets(cacheControl: string): MiddlewareHandler {
  const serve = serveStatic({ root: fileURLToPath(new URL('client', built)) })
  return async (c, next) => {
    const reply = await serve(c, next)
    if (reply instanceof Response) reply.headers.set('Cache-Control', cacheControl)
    return reply
  }
}
