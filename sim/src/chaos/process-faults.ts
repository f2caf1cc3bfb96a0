import type { ClientProcess } from './clients.ts'
import { rooms } from './opening.ts'
import type { Right } from './rights.ts'
import { type Broken, type FaultKind, onClient, pause, type World } from './world.ts'

function onServer(fault: string, run: (world: World) => Promise<void>): FaultKind {
  return (world, broken) =>
    broken.during(['server'], async () => {
      world.recorder.record({ kind: 'fault', fault, of: 'server' })
      await run(world)
    })
}

function onPostgres(fault: string, run: (world: World) => Promise<void>): FaultKind {
  return (world, broken) =>
    broken.during(['postgres'], async () => {
      world.recorder.record({ kind: 'fault', fault, of: 'postgres' })
      await run(world)
    })
}

/** Ends server processes: what is kept of one is not measured after it. */
export const serverFaults: Readonly<Record<string, FaultKind>> = {
  'server killed': onServer('server killed', async (world) => {
    await world.server.kill()
    // Its locks are gone with it.
    world.recorder.record({ kind: 'fault', fault: 'crash', of: 'server' })
    await pause(world, 0, 3_000)
    await world.server.start()
  }),
  'server restarted': onServer('server restarted', async (world) => {
    await world.server.stop()
    world.recorder.record({ kind: 'fault', fault: 'crash', of: 'server' })
    await world.server.start()
  }),
}

/** Stops all pages of a process for a while, as when a computer sleeps. */
function sleep(fault: string, leastMs: number, mostMs: number): FaultKind {
  return async (world, broken) => {
    const { clients, recorder, random } = world
    const name = ({ number }: ClientProcess): string => `process ${number}`
    const process = broken.wholeOf(random, clients.processes, name)
    if (process === undefined) return false
    return broken.during([name(process)], async () => {
      const asleep = clients.slots.filter((slot) => slot.process === process)
      const tell = (): void => {
        for (const { client } of asleep) recorder.record({ kind: 'fault', fault: 'sleep', of: client })
      }
      recorder.record({ kind: 'fault', fault, of: name(process) })
      tell()
      process.child.signal('SIGSTOP')
      await pause(world, leastMs, mostMs)
      tell()
      process.child.signal('SIGCONT')
    })
  }
}

async function changeRights(world: World, broken: Broken): Promise<boolean> {
  const { clients, recorder, random, rights, server } = world
  const user = broken.wholeOf(random, clients.users, (each) => each)
  if (user === undefined) return false
  return broken.during([user], async () => {
    const room = random.of(rooms)
    const now = rights.get(user, room)
    const choices: readonly Right[] = ['member', 'guest', false]
    const right = random.of(choices.filter((each) => each !== now))
    recorder.record({ kind: 'fault', fault: 'rights changed', of: user })
    await server.setRight(user, room, right)
  })
}

export const processFaults: Readonly<Record<string, FaultKind>> = {
  'server frozen': onServer('server frozen', async (world) => {
    world.recorder.record({ kind: 'fault', fault: 'stall', of: 'server' })
    world.server.freeze()
    await pause(world, 300, 7_000)
    world.server.thaw()
    world.recorder.record({ kind: 'fault', fault: 'stall', of: 'server' })
  }),
  'postgres killed': onPostgres('postgres killed', async (world) => {
    await world.cluster.kill()
    await pause(world, 0, 3_000)
    await world.cluster.start()
  }),
  'postgres crashed': onPostgres('postgres crashed', async (world) => {
    await world.cluster.crash()
    await pause(world, 0, 3_000)
    await world.cluster.start()
  }),
  'postgres frozen': onPostgres('postgres frozen', async (world) => {
    await world.cluster.freeze()
    await pause(world, 300, 6_000)
    world.cluster.thaw()
  }),
  'backend killed': onPostgres('backend killed', ({ cluster }) => cluster.killBackend()),
  'stream ended': onPostgres('stream ended', ({ cluster }) => cluster.terminateWalsenders()),
  'backends ended': onPostgres('backends ended', ({ cluster }) => cluster.terminateClients()),
  'slot dropped': onPostgres('slot dropped', ({ cluster }) => cluster.dropSlots()),
  'rights changed': changeRights,
  sleep: sleep('asleep', 300, 6_000),
  // Longer than a token is good for.
  'token expired': sleep('token expired', 13_000, 15_000),
  reload: (world, broken) =>
    onClient(world, broken, async (slot) => {
      world.recorder.record({ kind: 'fault', fault: 'reload', of: slot.client })
      await world.clients.open(slot)
    }),
  away: (world, broken) =>
    onClient(world, broken, async (slot) => {
      world.recorder.record({ kind: 'fault', fault: 'away', of: slot.client })
      await world.clients.close(slot)
      await pause(world, 500, 8_000)
      await world.clients.open(slot)
    }),
}
