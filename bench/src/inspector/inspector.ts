import { type Bench, type Row, row } from '../bench.ts'
import type { ContenderName } from '../contenders/contender.ts'
import type { FanoutMethods } from '../fanout/server.ts'
import { Child } from '../process/child.ts'
import { totalUs } from '../process/cpu.ts'
import { medianOf, pairedRatio } from '../report/statistics.ts'

const subscribers = 1_000
const framesPerTurn = 16
const names: readonly ContenderName[] = ['bare', 'lockstep', 'lockstep-inspector']

/** What it costs to have the inspector on: the CPU of fan-out with it, beside the same without. */
export const inspector: Bench = {
  name: 'inspector',
  timeoutMs: 300_000,
  async run(options) {
    const rounds = options.quick ? 2 : 15
    const changes = options.quick ? 5 : 40
    const turns = options.quick ? 10 : 60
    const servers = new Map<ContenderName, Child<FanoutMethods>>()
    const calm = new Map<ContenderName, number[]>(names.map((of) => [of, []]))
    const busy = new Map<ContenderName, number[]>(names.map((of) => [of, []]))
    try {
      for (const name of names) {
        options.log(`starting ${name} with ${subscribers} subscribers`)
        const server = new Child<FanoutMethods>('../fanout/server.js', import.meta.url, { core: 'server' })
        servers.set(name, server)
        await server.call('start', { name, count: subscribers })
      }
      // Rounds A B C A B C ..., after one round of each that is not counted.
      for (let round = -1; round < rounds; round++) {
        if (round >= 0) options.log(`round ${round + 1} of ${rounds}`)
        for (const [name, server] of servers) {
          const one = await server.call('unhurried', changes)
          const all = turns * framesPerTurn
          const saturation = { changes: all, perTurn: framesPerTurn, windowMax: 8 * framesPerTurn }
          const many = await server.call('saturated', saturation)
          if (round < 0) continue
          calm.get(name)?.push(totalUs(one) / changes / subscribers)
          busy.get(name)?.push(totalUs(many) / all / subscribers)
        }
      }
      for (const server of servers.values()) await server.call('verify')
    } finally {
      await Promise.all([...servers.values()].map((server) => server.stop()))
    }
    return [beside('one change at a time', calm), beside(`${framesPerTurn} changes in a turn`, busy)]
  },
}

function beside(metric: string, measured: ReadonlyMap<ContenderName, readonly number[]>): Row {
  const value = (name: ContenderName): number | null => medianOf(measured.get(name), (x) => x)
  return row({
    metric: `with the inspector on, ${metric}`,
    unit: 'us CPU per delivered change',
    lockstep: value('lockstep-inspector'),
    control: value('lockstep'),
    limit: value('bare'),
    ratio: pairedRatio(measured.get('lockstep-inspector'), measured.get('lockstep')),
  })
}
