import type { Doing } from './doing.ts'

/** Items that the viewer adds many at once, at the end of the backlog. */
export class ManyActions {
  readonly #doing: Doing

  constructor(doing: Doing) {
    this.#doing = doing
  }

  /** Resolves with whether it was done; what was refused is told. */
  addLines(lines: readonly string[]): Promise<boolean> {
    return this.#add('items/bulk', { lines }, ['Added', 'adding'], lines.length)
  }

  importCsv(csv: string, count: number): Promise<boolean> {
    return this.#add('items/import', { csv }, ['Imported', 'importing'], count)
  }

  async #add(
    path: string,
    body: object,
    [done, doing]: readonly [string, string],
    count: number,
  ): Promise<boolean> {
    const write = this.#doing.send(path, { body })
    this.#doing.run({ failure: 'The items were not added', write })
    let ids: unknown
    try {
      ids = Object(await write).ids
    } catch {
      return false // told by `run`
    }
    const undo = {
      label: `${doing} ${countText(count)}`,
      run: () => {
        this.#doing.run({
          failure: 'Not undone',
          write: this.#doing.send('items/destroy', { body: { ids } }),
        })
        return undefined
      },
    }
    this.#doing.remember(undo)
    this.#doing.offerUndo(`${done} ${countText(count)}`, undo)
    return true
  }
}

function countText(count: number): string {
  return count === 1 ? 'an item' : `${count} items`
}
