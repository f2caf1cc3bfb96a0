/** A fault planted in the real code: the checkers must find it. */
export interface Mutant {
  readonly name: string
  /** What a programmer might have got wrong. */
  readonly about: string
  /** Promises that are broken by it: one of them must be found. */
  readonly breaks: readonly string[]
  readonly edits: readonly Edit[]
}

export interface Edit {
  /** `<package>/<path>` below `packages/<package>/src` and `dist`, without extension. */
  readonly file: string
  /** Stands in the source and in what is built of it exactly once, so it is of one line and has no types. */
  readonly find: string
  readonly replace: string
}

/** Plants the edits of one file. @throws Error where a text is not there exactly once */
export function plant(source: string, edits: readonly Edit[]): string {
  // Later places first, so that the earlier ones stay where they are.
  const places = edits.map((edit) => ({ ...edit, at: placeOf(source, edit) })).sort((a, b) => b.at - a.at)
  let planted = source
  for (const { at, find, replace } of places) {
    planted = planted.slice(0, at) + replace + planted.slice(at + find.length)
  }
  return planted
}

function placeOf(source: string, { file, find }: Edit): number {
  const at = source.indexOf(find)
  if (at === -1) throw new Error(`${file} has no text: ${find}`)
  if (source.indexOf(find, at + 1) !== -1) throw new Error(`${file} has this text more than once: ${find}`)
  return at
}
