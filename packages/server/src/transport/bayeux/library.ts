import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'

interface Asset {
  readonly bytes: Buffer
  readonly etag: string
  readonly type: string
}

const script = 'text/javascript; charset=utf-8'
/** Address below the mount to the file of the package `faye`, and its type. */
const files = new Map([
  ['client.js', { path: 'faye/client/faye-browser-min.js', type: script }],
  ['faye-browser-min.js.map', { path: 'faye/client/faye-browser-min.js.map', type: 'application/json' }],
])

/** How long a browser keeps the client without asking, in s. */
const maxAgeS = 3_600

/** Faye's own browser client and its source map, from the package `faye` where it is installed. */
export class Library {
  readonly #assets = new Map<string, Asset | undefined>()

  has(name: string): boolean {
    return this.#asset(name) !== undefined
  }

  answer(name: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    const asset = this.#asset(name)
    if (asset === undefined) return
    const headers = {
      etag: asset.etag,
      'cache-control': `public, max-age=${maxAgeS}`,
      'x-content-type-options': 'nosniff',
    }
    if (isKnown(incoming.headers['if-none-match'], asset.etag)) outgoing.writeHead(304, headers).end()
    else {
      const length = { 'content-type': asset.type, 'content-length': asset.bytes.byteLength }
      outgoing.writeHead(200, { ...headers, ...length })
      outgoing.end(incoming.method === 'HEAD' ? undefined : asset.bytes)
    }
  }

  #asset(name: string): Asset | undefined {
    const file = files.get(name)
    if (file === undefined) return undefined
    if (!this.#assets.has(name)) this.#assets.set(name, read(file.path, file.type))
    return this.#assets.get(name)
  }
}

/** Whether a browser has it: it may know several, and a proxy may have called them weak. */
function isKnown(header: string | undefined, etag: string): boolean {
  const known = (header ?? '').split(',').map((one) => one.trim().replace(/^W\//, ''))
  return known.includes(etag) || known.includes('*')
}

function read(path: string, type: string): Asset | undefined {
  try {
    const bytes = readFileSync(createRequire(import.meta.url).resolve(path))
    return { bytes, type, etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"` }
  } catch {
    return undefined // the package is not installed
  }
}
