import type { InitializeHook, LoadHook } from 'node:module'
import { type Edit, plant } from './mutant.ts'

let edits: readonly Edit[] = []

/** Module hooks of Node: what stands in the edits is changed while it is loaded. */
export const initialize: InitializeHook<readonly Edit[]> = (given) => {
  edits = given
}

export const load: LoadHook = async (url, context, next) => {
  const loaded = await next(url, context)
  const own = edits.filter(({ file }) => url.endsWith(distPath(file)))
  if (own.length === 0 || loaded.source === undefined || loaded.source === null) return loaded
  const { source } = loaded
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source)
  return { ...loaded, source: plant(text, own) }
}

/** End of the address of what is built of it. */
export function distPath(file: string): string {
  const slash = file.indexOf('/')
  return `/packages/${file.slice(0, slash)}/dist/${file.slice(slash + 1)}.js`
}
