import type { Bus, BusEntry } from './bus.ts'

/** The bus of a single node: a function call. An entry is taken when every reader has returned. */
export class EmbeddedBus implements Bus {
  readonly #readers: ((entry: BusEntry) => void)[] = []

  append(entry: BusEntry): void {
    for (const reader of this.#readers) reader(entry)
  }

  subscribe(reader: (entry: BusEntry) => void): void {
    this.#readers.push(reader)
  }

  close(): Promise<void> {
    this.#readers.length = 0
    return Promise.resolve()
  }
}
