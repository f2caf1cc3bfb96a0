import type { Table } from './table.ts'
import type { Waits } from './waits.ts'

export type TableMode = 'shared' | 'exclusive'

/**
 * Locks of whole tables: shared by statements on rows, exclusive to TRUNCATE and ALTER TABLE. Who asks behind one
 * that waits for the whole table queues up behind it.
 */
export class TableLocks {
  readonly #waits: Waits
  readonly #held = new Map<Table, Map<object, TableMode>>()
  readonly #asked = new Map<object, { readonly table: Table; readonly mode: TableMode }>()

  constructor(waits: Waits) {
    this.#waits = waits
  }

  async take(who: object, table: Table, mode: TableMode): Promise<void> {
    const held = this.#held.get(table) ?? new Map<object, TableMode>()
    this.#held.set(table, held)
    if (held.get(who) === 'exclusive' || held.get(who) === mode) return
    // Who holds a part of it already goes before those who wait for the whole.
    const mayPass = held.has(who)
    this.#asked.set(who, { table, mode })
    try {
      await this.#waits.until(
        who,
        () => this.#blockers(who, table, mode, mayPass),
        () => held.set(who, mode),
      )
    } finally {
      this.#asked.delete(who)
    }
  }

  /** Whether somebody waits for the whole table. */
  isWanted(table: Table): boolean {
    return [...this.#asked.values()].some((asked) => asked.table === table && asked.mode === 'exclusive')
  }

  /** Whether somebody has the whole table, or waits for it. */
  isWhole(table: Table): boolean {
    return this.isWanted(table) || [...(this.#held.get(table)?.values() ?? [])].includes('exclusive')
  }

  holds(who: object, table: Table): boolean {
    return this.#held.get(table)?.has(who) === true
  }

  release(who: object): void {
    for (const held of this.#held.values()) held.delete(who)
  }

  releaseAll(): void {
    this.#held.clear()
  }

  #blockers(who: object, table: Table, mode: TableMode, mayPass: boolean): readonly object[] {
    const blockers: object[] = []
    for (const [holder, held] of this.#held.get(table) ?? [])
      if (holder !== who && (mode === 'exclusive' || held === 'exclusive')) blockers.push(holder)
    if (mayPass) return blockers
    for (const other of this.#waits.before(who)) {
      const asked = this.#asked.get(other)
      if (other !== who && asked?.table === table && (mode === 'exclusive' || asked.mode === 'exclusive'))
        blockers.push(other)
    }
    return blockers
  }
}
