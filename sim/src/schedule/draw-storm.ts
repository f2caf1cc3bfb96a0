import { counterOf } from '../bank/books.ts'
import type { Random } from '../random/random.ts'
import type { Audience, FaultStep, Setting, Step } from './schedule.ts'

/**
 * Much happens while somebody cannot take it in: what is sent waits, bounds are reached, and others go on meanwhile. In the
 * middle of it rights may change, locks and presence do, and they write themselves.
 */
export function drawStorm(random: Random, setting: Setting, at: number): readonly Step[] {
  const { name: of, user, rooms } = random.of(setting.people)
  const ms = random.of([1_500, 4_000, 9_000])
  const until = at + ms
  const inside = (): number => at + random.below(ms)
  const steps: Step[] = [{ at, ...slowness(random, of, ms) }]
  for (let i = random.between(10, 40); i > 0; i--) {
    const room = random.of(rooms)
    const posting = random.chance(0.8)
      ? ({ kind: 'note', rooms: random.chance(0.5) ? rooms : [room] } as const)
      : ({ kind: 'count', room, counter: counterOf(room) } as const)
    steps.push({ at: inside(), kind: 'post', posting })
  }
  for (let i = random.below(4); i > 0; i--)
    steps.push({ at: inside(), kind: 'count', of, room: random.of(rooms) })
  if (random.chance(0.5)) {
    const audience = random.of<Audience>([false, 'guest', 'member'])
    steps.push({ at: inside(), kind: 'rights', user, room: random.of(rooms), audience })
  }
  for (const other of setting.people) {
    if (other.name === of || !random.chance(0.5)) continue
    const lock = { of: other.name, room: random.of(rooms), resource: 'a', yields: true } as const
    steps.push({ at: inside(), kind: 'lock', ...lock })
    steps.push({ at: inside(), kind: random.of(['close', 'kill']), of: other.name })
    steps.push({ at: until + random.below(1_000), kind: 'open', of: other.name })
  }
  return steps
}

/** Room for little on the way to everybody. */
export function narrow(random: Random, { limits, ...setting }: Setting): Setting {
  const bounds = { markBytes: 512, windowBytes: random.of([600, 1_500]), segmentBytes: 600 }
  return { ...setting, bounds, limits: { ...limits, outboxBytesMax: random.of([800, 3_000]) } }
}

function slowness(random: Random, of: string, ms: number): FaultStep {
  switch (random.below(3)) {
    case 0:
      return { kind: 'slow', of, rate: random.of([0.02, 0.1, 0.5]), ms }
    case 1:
      return { kind: 'hold', of, direction: 'down', ms }
    default:
      return { kind: 'partition', of, direction: 'down', ms }
  }
}

/** Rights change just when somebody asks for a room: because the connection was cut, or they come, or come back. */
export function drawHaste(random: Random, setting: Setting, at: number): readonly Step[] {
  const { name: of, user, rooms } = random.of(setting.people)
  const room = random.of(rooms)
  const change = (audience: Audience): Step => ({
    at: at + random.below(600),
    kind: 'rights',
    user,
    room,
    audience,
  })
  const asks: Step = random.of<Step>([
    { at, kind: 'cut', of },
    { at, kind: 'load', of, holdMs: 0 },
    { at, kind: 'open', of },
  ])
  return [asks, change('member'), change(random.of<Audience>([false, 'guest']))]
}
