import { describe, expect, test } from 'vitest'
import { ModelClient } from './schedule-client.setup.ts'
import { channels, World } from './schedule-world.setup.ts'

async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await null
}

async function run(seed: number, steps: number): Promise<World> {
  const world = new World(seed)
  const clients = Array.from({ length: 4 }, (_, i) => new ModelClient(world, `s${i}`))
  const committed = new Map<string, Set<string>>()
  for (const client of clients) client.connect()
  for (let step = 0; step < steps; step++) {
    const client = clients[world.pick(clients.length)]
    const channel = channels[world.pick(channels.length)]
    if (client === undefined || channel === undefined) throw new Error('unreachable')
    const action = world.pick(100)
    if (action < 45) world.commit()
    else if (action < 50 && client.connection !== undefined) {
      const mutation = `m${world.mutations++}`
      committed.set(client.session, (committed.get(client.session) ?? new Set()).add(mutation))
      world.commit({ session: client.session, mutation })
    } else if (action < 65) world.runtime.endTurn()
    else if (action < 80) client.read()
    else if (action < 86) client.subscribe(channel)
    else if (action < 88) client.unsubscribe(channel)
    else if (action < 91) client.lose()
    else if (action < 95 && client.connection === undefined) client.connect()
    else if (action < 96) world.runtime.advance(world.pick(20_000))
    else if (action < 97) {
      world.setRights(client.session, channel, [true, 'guest', false][world.pick(3)] ?? true)
    } else if (action === 97) {
      if (world.pick(3) === 0) client.connect()
      else client.barrier()
    } else if (action === 98 && world.pick(10) === 0) world.newEpoch()
    else await settle()
  }
  world.calm = true
  for (const client of clients) {
    for (const channel of channels) world.setRights(client.session, channel, true)
    await settle()
    client.read()
    if (client.connection === undefined) client.connect()
    for (const channel of channels) client.subscribe(channel)
  }
  for (let i = 0; i < 40; i++) {
    await settle()
    world.runtime.endTurn()
    for (const client of clients) {
      client.read()
      // A refusal from before the rights were given may have been on its way.
      for (const channel of channels) client.subscribe(channel)
    }
  }
  for (const client of clients) {
    expect(client.held.size, 'every channel is live at the end').toBe(0)
    expect(Object.fromEntries(client.rooms), 'G1: converged').toEqual(Object.fromEntries(world.rooms))
  }
  expect(world.hub.status().behind).toBe(0)
  return world
}

describe('the hub under random schedules', () => {
  test('G1-G7, G9, G12: full carriers, cuts, trims, resets, epochs and revocations break no promise', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      try {
        await run(seed, 300)
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error })
      }
    }
  }, 120_000)
})
