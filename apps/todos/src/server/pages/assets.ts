import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { serveStatic } from '@hono/node-server/serve-static'
import type { MiddlewareHandler } from 'hono'
import type { Variant } from '../../model/page.ts'

/** Where the built client is. */
const built = new URL('../../../dist/client/', import.meta.url)

export interface Assets {
  /** Address of each variant's script. */
  readonly scripts: Readonly<Record<Variant, string>>
  readonly styles: readonly string[]
  /** Fonts that the first paint needs. */
  readonly fonts: readonly string[]
}

interface ManifestChunk {
  readonly file: string
  readonly name?: string
  readonly isEntry?: boolean
  readonly css?: readonly string[]
  readonly assets?: readonly string[]
}

/** @throws Error that names the command, where the client has not been built */
export async function loadAssets(): Promise<Assets> {
  let text: string
  try {
    text = await readFile(new URL('.vite/manifest.json', built), 'utf8')
  } catch (cause) {
    throw new Error('The pages are not built yet. Run: npm run build', { cause })
  }
  // Written by our own build.
  const chunks = Object.values(JSON.parse(text) as Record<string, ManifestChunk>)
  const entry = (name: string): ManifestChunk => {
    const found = chunks.find((chunk) => chunk.isEntry === true && chunk.name === name)
    if (found === undefined) throw new Error(`The built pages lack ${name}. Run: npm run build`)
    return found
  }
  const style = entry('style')
  return {
    scripts: { faye: `/${entry('faye').file}`, native: `/${entry('native').file}` },
    styles: (style.css ?? []).map((file) => `/${file}`),
    fonts: (style.assets ?? [])
      .filter((file) => /latin-wght-normal.*\.woff2$/.test(file) && !/-ext-/.test(file))
      .map((file) => `/${file}`),
  }
}

/** Serves built files; hashed ones never change under their name and may be kept for ever. */
export function serveAssets(cacheControl: string): MiddlewareHandler {
  const serve = serveStatic({ root: fileURLToPath(built) })
  return async (c, next) => {
    const reply = await serve(c, next)
    if (reply instanceof Response) reply.headers.set('Cache-Control', cacheControl)
    return reply
  }
}
