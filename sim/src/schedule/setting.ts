import { defaultLimits, type Limits } from '@lockstep/server'
import type { Way } from '../network/pipe.ts'
import type { Random } from '../random/random.ts'
import type { Audience, Setting, Someone } from './schedule.ts'

const roomNames = ['red', 'green', 'blue'] as const
const users = ['alice', 'bob', 'carol'] as const

/** A bank, people before their browsers, and bounds so small that they are reached. */
export function drawSetting(random: Random): Setting {
  const rooms: Record<string, Record<string, number>> = {}
  let account = 0
  for (const room of roomNames.slice(0, random.between(2, roomNames.length))) {
    const accounts: Record<string, number> = {}
    for (let i = random.between(1, 3); i > 0; i--) accounts[String(++account)] = 100
    rooms[room] = accounts
  }
  const names = Object.keys(rooms)
  const rights: Record<string, Audience> = {}
  for (const user of users) {
    for (const room of names) {
      if (random.chance(0.3)) rights[`${user} ${room}`] = random.of<Audience>(['guest', 'guest', false])
    }
  }
  const people: Someone[] = []
  for (let i = 0; i < random.between(2, 4); i++) {
    const user = random.of(users)
    const shown = names.filter(() => random.chance(0.75))
    people.push({
      name: `${user}.${i + 1}`,
      user,
      rooms: shown.length > 0 ? shown : [random.of(names)],
      up: drawWay(random),
      down: drawWay(random),
      clockMs: random.between(-5_000, 5_000),
    })
  }
  return {
    rooms,
    people,
    rights,
    limits: drawLimits(random),
    bounds: {
      markBytes: random.of([512, 2_000, 16_384]),
      windowBytes: random.of([1_000, 4_000, 64_000]),
      segmentBytes: random.of([600, 1_400, 8_000]),
    },
    authorizeMs: random.of([0, 2, 20, 200]),
  }
}

function drawWay(random: Random): Way {
  return {
    latencyMs: random.of([0.2, 1, 10, 60]),
    jitterMs: random.of([0, 1, 20, 80]),
    rate: random.of([100, 1_000, Number.MAX_SAFE_INTEGER]),
    heldUntil: 0,
  }
}

function drawLimits(random: Random): Limits {
  const logBytesMax = random.of([600, 2_000, 8_000, 60_000])
  return {
    ...defaultLimits,
    retentionMs: random.of([1_000, 4_000, 15_000, 60_000]),
    logBytesMax,
    logTotalBytesMax: logBytesMax * random.of([1, 2, 6]),
    transactionBytesMax: random.of([300, 900, 8_388_608, 8_388_608, 8_388_608]),
    transactionTotalBytesMax: random.of([900, 16_000, 134_217_728, 134_217_728]),
    snapshotBytesMax: random.of([1_000, 10_000, 134_217_728]),
    outboxBytesMax: random.of([800, 3_000, 20_000, 262_144]),
    heartbeatMs: random.of([800, 2_000, 5_000]),
    helloMs: random.of([1_000, 5_000]),
    logoutMs: random.of([500, 2_000, 10_000]),
    presenceMs: random.of([20, 100]),
    tokenTtlMs: random.of([6_000, 20_000, 3_600_000]),
    returnSpreadMs: random.of([200, 2_000]),
  }
}
