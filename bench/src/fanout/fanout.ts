import { type Bench, type BenchOptions, type Row, row } from '../bench.ts'
import type { ContenderName } from '../contenders/contender.ts'
import { Child } from '../process/child.ts'
import { totalUs } from '../process/cpu.ts'
import { medianOf, pairedRatio } from '../report/statistics.ts'
import type { FanoutMethods } from './server.ts'

type Server = Child<FanoutMethods>
type Measured = Map<ContenderName, number[]>

const subscribers = 1_000
const framesPerTurn = 16

/** CPU per delivered change, and changes delivered per second, with many subscribers of one channel. */
export const fanout: Bench = {
  name: 'fanout',
  timeoutMs: 300_000,
  async run(options) {
    const names: ContenderName[] = ['bare', 'lockstep', 'bare16', 'ws', 'socket.io', 'faye']
    const servers = new Map<ContenderName, Server>()
    try {
      for (const name of names) servers.set(name, await start(name, options))
      return [...(await unhurried(servers, options)), ...(await saturated(servers, options))]
    } finally {
      await Promise.all([...servers.values()].map((server) => server.stop()))
    }
  },
}

async function start(name: ContenderName, options: BenchOptions): Promise<Server> {
  options.log(`starting ${name} with ${subscribers} subscribers`)
  const server = new Child<FanoutMethods>('./server.js', import.meta.url, { core: 'server' })
  await server.call('start', { name, count: subscribers })
  return server
}

async function unhurried(servers: ReadonlyMap<ContenderName, Server>, options: BenchOptions): Promise<Row[]> {
  const names: ContenderName[] = ['bare', 'lockstep', 'ws', 'socket.io', 'faye']
  const rounds = options.quick ? 2 : 15
  const changes = options.quick ? 5 : 40
  const measured = await interleave(names, rounds, options, 'unhurried', async (name) => {
    const usage = await serverOf(servers, name).call('unhurried', changes)
    return totalUs(usage) / changes / subscribers
  })
  await verifyAll(servers, names)
  const value = (name: ContenderName): number | null => medianOf(measured.get(name), (x) => x)
  const against = (name: ContenderName): number | null =>
    pairedRatio(measured.get('lockstep'), measured.get(name))
  const peers = { ws: value('ws'), 'socket.io': value('socket.io'), faye: value('faye') }
  const base = {
    unit: 'us CPU per delivered change',
    lockstep: value('lockstep'),
    control: value('bare'),
    limit: value('bare'),
    peers,
  }
  return [
    goal({ ...base, metric: 'unhurried' }, against('bare'), 1.15, 'control'),
    goal({ ...base, metric: 'unhurried, against Socket.IO' }, against('socket.io'), 0.7, 'Socket.IO'),
    goal({ ...base, metric: 'unhurried, against Faye' }, against('faye'), 0.5, 'Faye'),
  ]
}

function goal(
  fields: Partial<Row> & Pick<Row, 'metric' | 'unit'>,
  ratio: number | null,
  most: number,
  of: string,
): Row {
  return row({ ...fields, ratio, target: `<= ${most} x ${of}`, met: ratio === null ? null : ratio <= most })
}

async function saturated(servers: ReadonlyMap<ContenderName, Server>, options: BenchOptions): Promise<Row[]> {
  const names: ContenderName[] = ['bare16', 'lockstep', 'ws', 'socket.io', 'faye']
  const rounds = options.quick ? 1 : 7
  const turns = (name: ContenderName): number =>
    name === 'bare16' || name === 'lockstep' ? (options.quick ? 20 : 150) : options.quick ? 2 : 6
  const perCpuSecond: Measured = new Map(names.map((name) => [name, []]))
  const perSecond = await interleave(names, rounds, options, 'saturated', async (name, counts) => {
    const changes = turns(name) * framesPerTurn
    const saturation = { changes, perTurn: framesPerTurn, windowMax: 8 * framesPerTurn }
    const usage = await serverOf(servers, name).call('saturated', saturation)
    const delivered = changes * subscribers * 1e6
    if (counts) perCpuSecond.get(name)?.push(delivered / totalUs(usage))
    return delivered / usage.wallUs
  })
  await verifyAll(servers, names)
  return [
    saturatedRow('saturated', 'changes delivered per s', perSecond),
    saturatedRow('saturated, per CPU second', 'changes delivered per s of server CPU', perCpuSecond),
  ]
}

function saturatedRow(metric: string, unit: string, measured: Measured): Row {
  const value = (name: ContenderName): number | null => medianOf(measured.get(name), (x) => x)
  const lockstep = value('lockstep')
  const ratio = pairedRatio(measured.get('lockstep'), measured.get('bare16'))
  return row({
    metric,
    unit,
    lockstep,
    control: value('bare16'),
    limit: value('bare16'),
    peers: { ws: value('ws'), 'socket.io': value('socket.io'), faye: value('faye') },
    ratio,
    target: '>= 0.5 x control and >= 1,000,000',
    met: lockstep === null || ratio === null ? null : ratio >= 0.5 && lockstep >= 1_000_000,
  })
}

/** Rounds A B C A B C ..., after one round of each that is not counted. */
async function interleave(
  names: readonly ContenderName[],
  rounds: number,
  options: BenchOptions,
  title: string,
  measure: (name: ContenderName, counts: boolean) => Promise<number>,
): Promise<Measured> {
  const measured: Measured = new Map(names.map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    if (round >= 0) options.log(`${title}: round ${round + 1} of ${rounds}`)
    for (const name of names) {
      const value = await measure(name, round >= 0)
      if (round >= 0) measured.get(name)?.push(value)
    }
  }
  return measured
}

async function verifyAll(
  servers: ReadonlyMap<ContenderName, Server>,
  names: readonly ContenderName[],
): Promise<void> {
  for (const name of names) await serverOf(servers, name).call('verify')
}

function serverOf(servers: ReadonlyMap<ContenderName, Server>, name: ContenderName): Server {
  const server = servers.get(name)
  if (server === undefined) throw new Error(`${name} was not started`)
  return server
}
