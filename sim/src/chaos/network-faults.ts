import type { CutProxy, Direction } from '@lockstep/testing'
import { type Broken, type FaultKind, onClient, pause, type World } from './world.ts'

/** Breaks a client's network with `begin` for a while, and mends it with `end`. */
function network(
  name: string,
  begin: (proxy: CutProxy, world: World) => void,
  end: ((proxy: CutProxy) => void) | undefined,
  [leastMs, mostMs]: readonly [number, number],
): FaultKind {
  return (world, broken) =>
    onClient(world, broken, async ({ client, proxy }) => {
      const { recorder } = world
      recorder.record({ kind: 'fault', fault: name, of: client })
      if (end !== undefined) recorder.record({ kind: 'fault', fault: 'stall', of: client })
      begin(proxy, world)
      await pause(world, leastMs, mostMs)
      if (end === undefined) return
      end(proxy)
      recorder.record({ kind: 'fault', fault: 'stall', of: client })
    })
}

const stall = (direction: Direction): FaultKind =>
  network(
    `stall ${direction}`,
    (proxy) => proxy.pause(direction),
    (proxy) => proxy.resume(),
    [500, 9_000],
  )

/** The network between server and Postgres. */
function databaseNetwork(
  name: string,
  begin: (proxy: CutProxy, world: World) => void,
  end: (proxy: CutProxy) => void,
  [leastMs, mostMs]: readonly [number, number],
): FaultKind {
  return (world, broken) =>
    broken.during(['database'], async () => {
      world.recorder.record({ kind: 'fault', fault: name, of: 'database' })
      begin(world.database, world)
      await pause(world, leastMs, mostMs)
      end(world.database)
    })
}

async function cutAll(world: World, broken: Broken): Promise<boolean> {
  return broken.during(['network'], async () => {
    world.recorder.record({ kind: 'fault', fault: 'cut all', of: 'clients' })
    for (const { proxy } of world.clients.slots) proxy.cut()
  })
}

const never = Number.POSITIVE_INFINITY

export const networkFaults: Readonly<Record<string, FaultKind>> = {
  cut: network('cut', (proxy) => proxy.cut(), undefined, [0, 200]),
  'cut after bytes': network(
    'cut after bytes',
    (proxy, { random }) => proxy.cutAfterBytes(random.between(1, 6_000)),
    (proxy) => proxy.cutAfterBytes(never),
    [2_000, 5_000],
  ),
  'half-close up': network('half-close up', (proxy) => proxy.halfClose('up'), undefined, [0, 1_000]),
  'half-close down': network('half-close down', (proxy) => proxy.halfClose('down'), undefined, [0, 1_000]),
  'stall up': stall('up'),
  'stall down': stall('down'),
  'stall both': stall('both'),
  throttle: network(
    'throttle',
    (proxy, { random }) => proxy.throttle(random.between(500, 8_000)),
    (proxy) => proxy.throttle(undefined),
    [2_000, 8_000],
  ),
  refuse: network(
    'refuse',
    (proxy) => {
      proxy.refuse(true)
      proxy.cut()
    },
    (proxy) => proxy.refuse(false),
    [300, 6_000],
  ),
  delay: network(
    'delay',
    (proxy, { random }) => proxy.delay(random.between(20, 700)),
    (proxy) => proxy.delay(0),
    [2_000, 10_000],
  ),
  'cut all': cutAll,
  'database cut': databaseNetwork(
    'database cut',
    (proxy) => proxy.cut(),
    () => {},
    [0, 500],
  ),
  'database stall': databaseNetwork(
    'database stall',
    (proxy) => proxy.pause(),
    (proxy) => proxy.resume(),
    [500, 6_000],
  ),
  'database throttle': databaseNetwork(
    'database throttle',
    (proxy, { random }) => proxy.throttle(random.between(5_000, 50_000)),
    (proxy) => proxy.throttle(undefined),
    [1_000, 5_000],
  ),
}
