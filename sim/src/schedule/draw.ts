import type { Posting } from '../bank/books.ts'
import { counterOf } from '../bank/books.ts'
import { Random } from '../random/random.ts'
import { drawFault } from './draw-fault.ts'
import { drawHaste, drawStorm, narrow } from './draw-storm.ts'
import { drawStreamFaults, withStream } from './draw-stream.ts'
import type { Audience, Schedule, Setting, Step } from './schedule.ts'
import { drawSetting } from './setting.ts'

/** How long things happen, at least and at most, and how long all is quiet afterwards, in virtual ms. */
const busyMs = [8_000, 30_000] as const
const quietMs = 75_000

/** By then the bank is open. */
const openedMs = 200

/** The schedule of a seed. */
export function drawSchedule(seed: number): Schedule {
  const stormy = Random.named(seed, 'storms')
  const isStormy = stormy.chance(0.5)
  const drawn = drawSetting(Random.named(seed, 'setting'))
  const streaming = Random.named(seed, 'stream')
  const setting = withStream(streaming, isStormy ? narrow(stormy, drawn) : drawn)
  const random = Random.named(seed, 'steps')
  const quietAt = random.between(...busyMs)
  const steps: Step[] = setting.people.map(({ name }) => ({
    at: random.between(openedMs, 2_000),
    of: name,
    ...(random.chance(0.8) ? { kind: 'load' as const, holdMs: drawHold(random) } : { kind: 'open' as const }),
  }))
  const draw = (count: number, one: () => readonly Step[]): void => {
    for (let i = 0; i < count; i++) steps.push(...one())
  }
  const at = (): number => random.between(openedMs, quietAt)
  const accounts = new Accounts(setting)
  draw(random.between(20, 90), () => [
    { at: at(), kind: 'post', posting: drawPosting(random, setting, accounts) },
  ])
  draw(random.between(5, 30), () => [drawWrite(random, setting, at())])
  draw(random.between(0, 12), () => drawBeside(random, setting, at()))
  draw(random.between(0, 6), () => [drawRights(random, setting, at())])
  draw(random.between(0, 4), () => [drawInterest(random, setting, at())])
  draw(random.between(0, 16), () => [drawFault(random, setting, at())])
  draw(random.between(0, 3), () => drawPage(random, setting, at()))
  const soon = (): number => stormy.between(1_000, quietAt - 1_000)
  if (isStormy) draw(stormy.between(1, 2), () => drawStorm(stormy, setting, soon()))
  if (stormy.chance(0.3)) draw(stormy.between(1, 3), () => drawHaste(stormy, setting, soon()))
  steps.push(...drawStreamFaults(streaming, setting, () => streaming.between(1_000, quietAt - 1_000)))
  const inTime = steps.filter((step) => step.at < quietAt)
  inTime.sort((a, b) => a.at - b.at)
  return { seed, setting, steps: inTime, quietAt, endAt: quietAt + quietMs }
}

/** Numbers of the accounts that there are, or were. */
class Accounts {
  last: number

  constructor({ rooms }: Setting) {
    this.last = Object.values(rooms).flatMap((accounts) => Object.keys(accounts)).length
  }

  any(random: Random): number {
    return random.between(1, this.last)
  }
}

const drawHold = (random: Random): number => random.of([0, 5, 50, 800, 4_000])

const roomsOf = (setting: Setting): readonly string[] => Object.keys(setting.rooms)

function drawPosting(random: Random, setting: Setting, accounts: Accounts): Posting {
  const rooms = roomsOf(setting)
  const kind = random.next()
  if (kind < 0.55) {
    const [from, to] = [accounts.any(random), accounts.any(random)]
    return { kind: 'transfer', from, to, amount: random.between(1, 20) }
  }
  if (kind < 0.75) return { kind: 'move', account: accounts.any(random), room: random.of(rooms) }
  if (kind < 0.83) return { kind: 'open', account: ++accounts.last, room: random.of(rooms) }
  if (kind < 0.88) return { kind: 'close', account: accounts.any(random), into: accounts.any(random) }
  if (kind < 0.96) return { kind: 'note', rooms: rooms.filter(() => random.chance(0.6)) }
  return { kind: 'nothing' }
}

function drawWrite(random: Random, setting: Setting, at: number): Step {
  const { name, rooms: shown } = random.of(setting.people)
  const room = random.of(shown)
  const kind = random.next()
  if (kind < 0.65) return { at, kind: 'count', of: name, room }
  const posting: Posting =
    kind < 0.75
      ? { kind: 'note', rooms: [room] }
      : kind < 0.85
        ? { kind: 'nothing' }
        : kind < 0.9
          ? { kind: 'refused', from: 1, to: 2 }
          : kind < 0.95
            ? { kind: 'count', room, counter: counterOf(room) }
            : { kind: 'transfer', from: 1, to: 2, amount: 1 }
  return { at, kind: 'write', of: name, room, posting }
}

/** Locks, presence and what is told in passing. */
function drawBeside(random: Random, setting: Setting, at: number): readonly Step[] {
  const { name: of, rooms } = random.of(setting.people)
  const room = random.of(rooms)
  const kind = random.next()
  if (kind < 0.15) return [{ at, kind: 'say', of, room, n: random.below(100) }]
  if (kind < 0.25) return [{ at, kind: 'broadcast', of, room, n: random.below(100) }]
  const resource = random.of(['a', 'b'])
  const waits = random.chance(0.5)
  const lock: Step = {
    at,
    kind: 'lock',
    of,
    room,
    resource,
    yields: random.chance(0.5),
    ...(random.chance(0.4) ? { leaseMs: random.of([1_000, 3_000]) } : {}),
    ...(waits ? { waitMs: random.of([500, 5_000, 20_000]) } : {}),
    ...(waits && random.chance(0.5) ? { ask: true } : {}),
  }
  if (random.chance(0.3)) return [lock]
  return [lock, { at: at + random.between(10, 8_000), kind: 'unlock', of, room, resource }]
}

function drawRights(random: Random, setting: Setting, at: number): Step {
  const { user } = random.of(setting.people)
  const audience = random.of<Audience>(['member', 'member', 'guest', false, false])
  return { at, kind: 'rights', user, room: random.of(roomsOf(setting)), audience }
}

function drawInterest(random: Random, setting: Setting, at: number): Step {
  const { name } = random.of(setting.people)
  return { at, kind: random.of(['subscribe', 'leave']), of: name, room: random.of(roomsOf(setting)) }
}

/** A page is loaded again, or goes and comes back. */
function drawPage(random: Random, setting: Setting, at: number): readonly Step[] {
  const { name: of } = random.of(setting.people)
  const back: Step = {
    at: at + random.between(1, 5_000),
    of,
    ...(random.chance(0.7) ? { kind: 'load' as const, holdMs: drawHold(random) } : { kind: 'open' as const }),
  }
  if (random.chance(0.5)) return [{ ...back, at }]
  const gone: Step = { at, kind: random.of(['close', 'kill']), of }
  return random.chance(0.85) ? [gone, back] : [gone]
}
