import type { Random } from '../random/random.ts'
import type { Setting, Step } from './schedule.ts'

/** Some runs have a bus over a network, and some a database that keeps little WAL for its slot. */
export function withStream(random: Random, setting: Setting): Setting {
  return {
    ...setting,
    ...(random.chance(0.4)
      ? {
          bus: {
            appendMs: random.of([0, 1, 5, 40]),
            deliverMs: random.of([0, 1, 10, 80]),
            burstMs: random.of([0, 0, 20, 300]),
          },
        }
      : {}),
    ...(random.chance(0.3) ? { walKeepBytesMax: random.of([40_000, 150_000]) } : {}),
  }
}

/** What goes wrong with the bus, and with the WAL that is kept. */
export function drawStreamFaults(random: Random, setting: Setting, at: () => number): readonly Step[] {
  const steps: Step[] = []
  if (setting.bus !== undefined) {
    for (let i = random.below(4); i > 0; i--) steps.push(drawBusFault(random, at()))
  }
  if (setting.walKeepBytesMax !== undefined) {
    for (let i = random.below(3); i > 0; i--) steps.push(...drawFlood(random, setting.walKeepBytesMax, at()))
  }
  return steps
}

function drawBusFault(random: Random, at: number): Step {
  const ms = random.of([5, 100, 1_500, 6_000])
  switch (random.below(3)) {
    case 0:
      return { at, kind: 'bus-away', of: 'bus', ms }
    case 1:
      return { at, kind: 'bus-slow', of: 'bus', ms, byMs: random.of([20, 400]) }
    default:
      return { at, kind: 'bus-restart', of: 'bus', ms: random.of([0, 100, 1_500]) }
  }
}

/** Much is written, mostly while the server is away or gets nothing. */
function drawFlood(random: Random, bytesMax: number, at: number): readonly Step[] {
  const flood: Step = {
    at: at + random.below(500),
    kind: 'flood',
    of: 'postgres',
    bytes: random.between(Math.floor(bytesMax / 4), 2 * bytesMax),
  }
  const ms = random.of([500, 3_000])
  const away: readonly Step[] = [
    { at, kind: 'crash', of: 'node', downMs: ms },
    { at, kind: 'stop', of: 'node', ms },
    { at, kind: 'stall', of: 'postgres', ms },
  ]
  return random.chance(0.25) ? [flood] : [random.of(away), flood]
}
