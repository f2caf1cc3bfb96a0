import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { type Bench, row } from '../bench.ts'

/** An application's share of the library: it uses channels, collections and writes. */
const core = `
import { createClient } from '@lockstep/client'
const client = createClient({ page: JSON.parse(document.querySelector('#state').textContent) })
const items = client.channel('project/1').collection('items')
items.subscribe(() => { document.title = String(items.size) })
items.update(17, { title: 'changed' })
`

const withReact = `
import { createClient } from '@lockstep/client'
import * as hooks from '@lockstep/client/react'
globalThis.app = { client: createClient({ page: JSON.parse(document.querySelector('#state').textContent) }), hooks }
`

const withLocks = `
${core}
import { locksOf } from '@lockstep/client/locks'
locksOf(client, 'project/1').lock('items/17')
`

const peers: Readonly<Record<string, string>> = {
  faye: `import faye from 'faye/client/faye-browser.js'; globalThis.client = new faye.Client('/bayeux')`,
  phoenix: `import { Socket } from 'phoenix'; globalThis.client = new Socket('/socket')`,
  'socket.io-client': `import { io } from 'socket.io-client'; globalThis.client = io()`,
}

/** What the client adds to a page: minified and gzipped, React not counted. */
export const bundle: Bench = {
  name: 'bundle',
  timeoutMs: 60_000,
  async run(options) {
    const sizes: Record<string, number> = {}
    for (const [name, source] of Object.entries(peers)) {
      options.log(`bundling ${name}`)
      sizes[name] = await kilobytesOf(source)
    }
    options.log('bundling @lockstep/client')
    const coreSize = await kilobytesOf(core)
    const reactSize = await kilobytesOf(withReact)
    const lazySize = await kilobytesOf(core, 'loaded later')
    const locksSize = await kilobytesOf(withLocks)
    const unit = 'kB, minified + gzip'
    return [
      row({
        metric: 'client core with collections and writes: what a page loads at once',
        unit,
        lockstep: coreSize,
        limit: 9,
        peers: sizes,
        target: '<= 9 kB',
        met: coreSize <= 9,
      }),
      row({
        metric: 'loaded later, where no WebSocket gets through: event stream, long-polling',
        unit,
        lockstep: lazySize,
      }),
      row({ metric: 'with locks', unit, lockstep: locksSize }),
      row({
        metric: 'with React hooks',
        unit,
        lockstep: reactSize,
        limit: 11,
        peers: sizes,
        target: '<= 11 kB',
        met: reactSize <= 11,
      }),
    ]
  },
}

/**
 * In units of 1,000 bytes. Split as bundlers do: what is imported at once counts for `at once`, what is
 * behind an `import()` for `loaded later`.
 */
async function kilobytesOf(source: string, part: 'at once' | 'loaded later' = 'at once'): Promise<number> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'js' },
    bundle: true,
    splitting: true,
    outdir: 'out',
    metafile: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external: ['react', 'react/jsx-runtime', 'react-dom'],
    write: false,
    logLevel: 'error',
  })
  const { outputs } = metafile
  const atOnce = new Set<string>()
  const load = (path: string): void => {
    if (atOnce.has(path)) return
    atOnce.add(path)
    for (const { path: imported, kind } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && imported in outputs) load(imported)
    }
  }
  load('out/stdin.js')
  const wanted = outputFiles.filter(
    ({ path }) =>
      [...atOnce].some((output) => path.endsWith(`/${output.split('/').pop()}`)) === (part === 'at once'),
  )
  return wanted.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0) / 1000
}
