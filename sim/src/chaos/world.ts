import { setTimeout as wait } from 'node:timers/promises'
import type { CutProxy } from '@lockstep/testing'
import type { Random } from '../random/random.ts'
import type { Clients, Slot } from './clients.ts'
import type { Cluster } from './cluster.ts'
import type { Recorder } from './recorder.ts'
import type { Rights } from './rights.ts'
import type { BankServer } from './server.ts'

/** What can be broken. */
export interface World {
  readonly cluster: Cluster
  /** Between server and Postgres. */
  readonly database: CutProxy
  readonly server: BankServer
  readonly clients: Clients
  readonly rights: Rights
  readonly recorder: Recorder
  readonly random: Random
}

/** One part of the world is broken in one way at a time. */
export class Broken {
  readonly #parts = new Set<string>()

  /** One of these that is whole; undefined: none is. */
  wholeOf<T>(random: Random, parts: readonly T[], nameOf: (part: T) => string): T | undefined {
    const whole = parts.filter((part) => !this.#parts.has(nameOf(part)))
    return whole.length === 0 ? undefined : random.of(whole)
  }

  /** False where one of the parts is broken already: nothing was run. */
  async during(parts: readonly string[], run: () => Promise<void>): Promise<boolean> {
    if (parts.some((part) => this.#parts.has(part))) return false
    for (const part of parts) this.#parts.add(part)
    try {
      await run()
      return true
    } finally {
      for (const part of parts) this.#parts.delete(part)
    }
  }
}

/** A way to break something and to mend it again. Resolves when it is mended: false, where there was nothing to break. */
export type FaultKind = (world: World, broken: Broken) => Promise<boolean>

/** Some client, while nothing else is done to it. */
export async function onClient(
  { clients, random }: World,
  broken: Broken,
  run: (slot: Slot) => Promise<void>,
): Promise<boolean> {
  const slot = broken.wholeOf(random, clients.slots, ({ client }) => client)
  return slot !== undefined && broken.during([slot.client], () => run(slot))
}

/** Somewhere between the two. */
export function pause({ random }: World, leastMs: number, mostMs: number): Promise<void> {
  return wait(random.between(leastMs, mostMs))
}
