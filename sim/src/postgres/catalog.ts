import type { Collection, SlotPlan, Terms } from '@lockstep/server/stages'
import type { Instance } from './instance.ts'

interface State {
  readonly epoch: string
  readonly terms: string
  readonly system: number
}

interface Publication {
  /** Another one each time that it is made. */
  readonly id: number
  readonly tables: ReadonlySet<string>
}

/** What Lockstep writes down, and what it makes: `lockstep.state` and publications. */
export class Catalog {
  /** Of pg_control_system(). */
  system = 1
  /** Of the WAL. */
  timeline = 1
  readonly states: Map<string, State> = new Map()
  readonly publications: Map<string, Publication> = new Map()
  readonly #instance: Instance
  #lastId = 0

  constructor(instance: Instance) {
    this.#instance = instance
  }

  publish({ publication, collections }: SlotPlan): void {
    const there = new Set([...this.#instance.tables].map(({ shape }) => shape.name))
    const tables = collections.map(({ table }) => table).filter((table) => there.has(table))
    this.publications.set(publication, { id: ++this.#lastId, tables: new Set(tables) })
  }

  terms({ publication, collections, fingerprint }: SlotPlan): Terms {
    const types = collections.map((collection) => this.#columnsOf(collection))
    const published = this.publications.get(publication)
    return {
      timeline: String(this.timeline),
      definition: fingerprint,
      types: JSON.stringify(types),
      publication: published === undefined ? '' : String(published.id),
      partitions: {},
    }
  }

  isWhole(collection: Collection): boolean {
    return this.#columnsOf(collection).length === collection.columns.length
  }

  #columnsOf({ table, columns }: Collection): readonly string[] {
    for (const { shape } of this.#instance.tables)
      if (shape.name === table)
        return shape.columns
          .filter(({ name }) => columns.includes(name))
          .map(({ name, type }) => `${name}:${type}`)
    return []
  }

  /** As a backup has it. */
  copy(): () => void {
    const states = [...this.states]
    const publications = [...this.publications]
    return () => {
      this.states.clear()
      for (const [slot, state] of states) this.states.set(slot, state)
      this.publications.clear()
      for (const [name, publication] of publications) this.publications.set(name, publication)
    }
  }
}
