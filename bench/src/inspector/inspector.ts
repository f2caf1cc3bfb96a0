import { type Bench, type Row, row } from '../bench.ts'
import type { ContenderName } from '../contenders/contender.ts'
import type { FanoutMethods } from '../fanout/server.ts'
import { Child } from '../process/child.ts'
import { totalUs } from '../process/cpu.ts'
import { medianOf, pairedRatio } from '../report/statistics.ts'

const subscribers = 1_000
const framesPerTurn = 16
const names: readonly ContenderName[] = ['bare', 'bare16', 'lockstep', 'lockstep-inspector']

/** What it costs to have the inspector on: the CPU of fan-out with it, beside the same without. */
export const inspector: Bench = {
  name: 'inspector',
  timeoutMs: 300_000,
  async run(options) {
    const rounds = options.quick ? 2 : 11
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
          if (name !== 'bare16') {
            const usage = await server.call('unhurried', changes)
            if (round >= 0) calm.get(name)?.push(totalUs(usage) / changes / subscribers)
          }
          if (name === 'bare') continue
          const all = turns * framesPerTurn
          const saturation = { changes: all, perTurn: framesPerTurn, windowMax: 8 * framesPerTurn }
          const usage = await server.call('saturated', saturation)
          if (round >= 0) busy.get(name)?.push(totalUs(usage) / all / subscribers)
        }
      }
      for (const server of servers.values()) await server.call('verify')
    } finally {
      await Promise.all([...servers.values()].map((server) => server.stop()))
    }
    return [
      beside('one change at a time', calm, 'bare'),
      beside(`${framesPerTurn} changes in a turn`, busy, 'bare16'),
    ]
  },
}

function beside(
  metric: string,
  measured: ReadonlyMap<ContenderName, readonly number[]>,
  least: ContenderName,
): Row {
  const value = (name: ContenderName): number | null => medianOf(measured.get(name), (x) => x)
  return row({
    metric: `with the inspector on, ${metric}`,
    unit: 'us CPU per delivered change',
    lockstep: value('lockstep-inspector'),
    control: value('lockstep'),
    limit: value(least),
    ratio: pairedRatio(measured.get('lockstep-inspector'), measured.get('lockstep')),
  })
}
