import {
  type Collection,
  type Epoch,
  type SlotDatabase,
  type SlotFacts,
  type SlotPlan,
  type StreamConnection,
  type Terms,
  TypeCatalog,
} from '@lockstep/server/stages'
import { DatabaseError } from './database.ts'
import type { Visibility } from './instance.ts'
import type { PostgresModel } from './model.ts'
import type { NodeProcess } from './node-process.ts'
import { ModelStreamConnection } from './stream-connection.ts'
import { typeOids } from './value-text.ts'

/** The slot as a server process reaches it: each statement takes its way there and back, and may be lost on either. */
export class ModelSlot implements SlotDatabase {
  readonly types: TypeCatalog = new TypeCatalog()
  readonly #model: PostgresModel
  readonly #process: NodeProcess

  constructor(model: PostgresModel, process: NodeProcess) {
    this.#model = model
    this.#process = process
  }

  loadTypes(): Promise<void> {
    return this.#ask(() => {
      const types = Object.values(typeOids).map((oid) => ({ oid, base: 0, element: 0, delimiter: ',' }))
      this.types.learn(types)
    })
  }

  prepare(): Promise<void> {
    return this.#ask(() => {})
  }

  facts({ slot: name }: SlotPlan): Promise<SlotFacts> {
    return this.#ask(() => {
      const { catalog, slots, instance } = this.#model
      const state = catalog.states.get(name)
      const slot = slots.get(name)
      return {
        state: state && { terms: state.terms, sameSystem: state.system === catalog.system },
        slot: slot && { invalidated: slot.invalidated },
        flushed: instance.wal.flushed,
      }
    })
  }

  terms(plan: SlotPlan): Promise<Terms> {
    return this.#ask(() => this.#model.catalog.terms(plan))
  }

  isWhole(collection: Collection): Promise<boolean> {
    return this.#ask(() => this.#model.catalog.isWhole(collection))
  }

  epoch(name: string): Promise<Epoch | undefined> {
    return this.#ask(() => {
      const state = this.#model.catalog.states.get(name)
      const slot = this.#model.slots.get(name)
      return state && slot && { epoch: state.epoch, from: slot.confirmed }
    })
  }

  saveTerms(slot: string, before: string, now: string): Promise<void> {
    return this.#ask(() => {
      const { states } = this.#model.catalog
      const state = states.get(slot)
      if (state?.terms === before) states.set(slot, { ...state, terms: now })
      this.#model.instance.touch()
    })
  }

  forgetEpoch(slot: string): Promise<void> {
    return this.#ask(() => {
      this.#model.catalog.states.delete(slot)
      this.#model.instance.touch()
    })
  }

  dropSlot(name: string): Promise<void> {
    return this.#ask(() => {
      this.#model.slots.get(name)?.assertFree()
      this.#model.slots.delete(name)
    })
  }

  publish(plan: SlotPlan): Promise<void> {
    return this.#ask(() => {
      this.#model.catalog.publish(plan)
      this.#model.instance.touch()
    })
  }

  createSlot(name: string): Promise<number> {
    return this.#ask(() => this.#model.createSlot(name))
  }

  settled(): Promise<void> {
    return this.#ask(() => this.#model.settled())
  }

  saveEpoch(slot: string, epoch: string, terms: string): Promise<void> {
    return this.#ask(() => {
      const { catalog, instance } = this.#model
      catalog.states.set(slot, { epoch, terms, system: catalog.system })
      instance.touch()
    })
  }

  connection(): StreamConnection {
    return new ModelStreamConnection(this.#model, this.#process)
  }

  mark(_slot: string, content: string): Promise<void> {
    return this.#ask(() => this.#model.mark(content))
  }

  probe(): Promise<void> {
    return this.#ask(() => {})
  }

  visibility(): Promise<Visibility> {
    return this.#ask(() => this.#model.instance.visibility())
  }

  retained(name: string): Promise<{ bytes: number; scarce: boolean } | undefined> {
    return this.#ask(() => this.#model.retained(name))
  }

  explain(error: unknown): unknown {
    return error
  }

  async close(): Promise<void> {}

  async #ask<T>(run: () => T | Promise<T>): Promise<T> {
    await this.#process.pass()
    const { instance } = this.#model
    if (!instance.up) throw new DatabaseError('ECONNREFUSED', 'nothing answers')
    await instance.statement()
    const answer = await run()
    await this.#process.pass()
    return answer
  }
}
