import { type Bench, row } from '../bench.ts'
import type { ContenderName } from '../contenders/contender.ts'
import type { FanoutMethods } from '../fanout/server.ts'
import { Child } from '../process/child.ts'
import { totalUs } from '../process/cpu.ts'
import { medianOf, pairedRatio } from '../report/statistics.ts'

const watching = 1_000

/** CPU per watching session that is told of a lock taken or released, beside the limit of fan-out. */
export const locks: Bench = benchOf('locks', 'lockstep-locks', 'a lock taken or released')

/** The same, of a session that comes or goes. */
export const presence: Bench = benchOf('presence', 'lockstep-presence', 'a session that comes or goes')

function benchOf(name: string, ours: ContenderName, what: string): Bench {
  return {
    name,
    timeoutMs: 300_000,
    async run(options) {
      const rounds = options.quick ? 2 : 15
      const changes = options.quick ? 6 : 40
      const names: readonly ContenderName[] = ['bare', ours, 'lockstep']
      const servers = new Map<ContenderName, Child<FanoutMethods>>()
      const measured = new Map<ContenderName, number[]>(names.map((of) => [of, []]))
      try {
        for (const of of names) {
          options.log(`starting ${of} with ${watching} watching sessions`)
          const server = new Child<FanoutMethods>('../fanout/server.js', import.meta.url, { core: 'server' })
          servers.set(of, server)
          await server.call('start', { name: of, count: watching })
        }
        // Rounds A B C A B C ..., after one round of each that is not counted.
        for (let round = -1; round < rounds; round++) {
          if (round >= 0) options.log(`round ${round + 1} of ${rounds}`)
          for (const [of, server] of servers) {
            const usage = await server.call('unhurried', changes)
            if (round >= 0) measured.get(of)?.push(totalUs(usage) / changes / watching)
          }
        }
        for (const server of servers.values()) await server.call('verify')
      } finally {
        await Promise.all([...servers.values()].map((server) => server.stop()))
      }
      const value = (of: ContenderName): number | null => medianOf(measured.get(of), (x) => x)
      return [
        row({
          metric: `${what}, told to ${watching} watching sessions`,
          unit: 'us CPU per session told',
          lockstep: value(ours),
          control: value('bare'),
          peers: { 'a row that changes': value('lockstep') },
          ratio: pairedRatio(measured.get(ours), measured.get('bare')),
        }),
        row({
          metric: `${what}, all of it`,
          unit: 'us CPU per change',
          lockstep: times(value(ours)),
          control: times(value('bare')),
          peers: { 'a row that changes': times(value('lockstep')) },
        }),
      ]
    },
  }
}

function times(value: number | null): number | null {
  return value === null ? null : value * watching
}
