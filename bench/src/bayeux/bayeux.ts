import { type Bench, type BenchOptions, type Row, row } from '../bench.ts'
import type { ContenderName } from '../contenders/contender.ts'
import type { FanoutMethods } from '../fanout/server.ts'
import { Child } from '../process/child.ts'
import { totalUs } from '../process/cpu.ts'
import { medianOf, pairedRatio } from '../report/statistics.ts'

type Name = Extract<ContenderName, 'bare' | 'lockstep-bayeux' | 'faye'>
type Servers = ReadonlyMap<Name, Child<FanoutMethods>>

const names: readonly Name[] = ['bare', 'lockstep-bayeux', 'faye']
const subscribers = 1_000
const messagesPerTurn = 16
/** The goal: this part of what Faye's own server takes. */
const mostOfFaye = 0.5

/** CPU per message delivered to Bayeux subscribers on WebSockets, beside Faye's own server. */
export const bayeux: Bench = {
  name: 'bayeux',
  timeoutMs: 300_000,
  async run(options) {
    const servers = new Map<Name, Child<FanoutMethods>>()
    try {
      for (const name of names) {
        options.log(`starting ${name} with ${subscribers} subscribers`)
        const server = new Child<FanoutMethods>('../fanout/server.js', import.meta.url, { core: 'server' })
        servers.set(name, server)
        await server.call('start', { name, count: subscribers })
      }
      const unhurried = await measure(servers, options, 'one message at a time', (server) => {
        const messages = options.quick ? 5 : 30
        return server.call('unhurried', messages).then((usage) => totalUs(usage) / messages)
      })
      const bursts = await measure(servers, options, `${messagesPerTurn} messages in a turn`, (server) => {
        const changes = (options.quick ? 1 : 3) * messagesPerTurn
        const saturation = { changes, perTurn: messagesPerTurn, windowMax: 8 * messagesPerTurn }
        return server.call('saturated', saturation).then((usage) => totalUs(usage) / changes)
      })
      return [unhurried, bursts]
    } finally {
      await Promise.all([...servers.values()].map((server) => server.stop()))
    }
  },
}

/** Rounds A B C A B C ..., after one round of each that is not counted. */
async function measure(
  servers: Servers,
  options: BenchOptions,
  metric: string,
  cpuUs: (server: Child<FanoutMethods>) => Promise<number>,
): Promise<Row> {
  const rounds = options.quick ? 1 : 11
  const measured = new Map<Name, number[]>(names.map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    if (round >= 0) options.log(`${metric}: round ${round + 1} of ${rounds}`)
    for (const [name, server] of servers) {
      const value = (await cpuUs(server)) / subscribers
      if (round >= 0) measured.get(name)?.push(value)
    }
  }
  for (const server of servers.values()) await server.call('verify')
  const value = (name: Name): number | null => medianOf(measured.get(name), (x) => x)
  const ratio = pairedRatio(measured.get('lockstep-bayeux'), measured.get('faye'))
  return row({
    metric,
    unit: 'us CPU per delivered message',
    lockstep: value('lockstep-bayeux'),
    control: value('bare'),
    peers: { faye: value('faye') },
    ratio,
    target: `<= ${mostOfFaye} x Faye`,
    met: ratio === null ? null : ratio <= mostOfFaye,
  })
}
