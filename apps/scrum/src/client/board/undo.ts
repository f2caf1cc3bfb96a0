/** What somebody did, and how it is taken back. */
export interface Undoable {
  /** Finishes `Undo: …`, e.g. `renaming “Pay by card”`. */
  readonly label: string
  /** Takes it back by one request; gives why not where that would undo somebody else's work. */
  run(): string | undefined
}

/** Actions that can be taken back; older ones are forgotten. */
const kept = 50

/** The viewer's own actions on this page, the last one on top. */
export class UndoStack {
  #actions: readonly Undoable[] = []
  readonly #listeners = new Set<() => void>()

  get last(): Undoable | undefined {
    return this.#actions.at(-1)
  }

  push(action: Undoable): void {
    this.#set([...this.#actions.slice(-(kept - 1)), action])
  }

  /** Gives whether it was still there to be taken back. */
  remove(action: Undoable): boolean {
    const known = this.#actions.includes(action)
    if (known) this.#set(this.#actions.filter((other) => other !== action))
    return known
  }

  subscribe = (tell: () => void): (() => void) => {
    this.#listeners.add(tell)
    return () => this.#listeners.delete(tell)
  }

  #set(actions: readonly Undoable[]): void {
    this.#actions = actions
    for (const tell of this.#listeners) tell()
  }
}
