import { type Bench, type BenchOptions, type Row, ratioOf, row } from '../bench.ts'
import type { ContenderName } from '../contenders/contender.ts'
import { Child } from '../process/child.ts'
import { medianOf } from '../report/statistics.ts'
import type { Footprint, MemoryMethods } from './server.ts'

/** Connected first and not counted: what a server builds once, for whoever comes. */
const firstConnections = 500
const limitBytes = 12_000

/**
 * Bytes of the server process for each idle connection with session and subscription: the growth from 500
 * connections on, divided. The kernel's socket buffers are not in it; they belong to no process.
 */
export const memory: Bench = {
  name: 'memory',
  timeoutMs: 300_000,
  async run(options) {
    const connections = options.quick ? 1_000 : 5_000
    const rounds = options.quick ? 1 : 3
    const names: ContenderName[] = ['ws', 'lockstep', 'socket.io', 'faye']
    const measured = new Map<ContenderName, Footprint[]>(names.map((name) => [name, []]))
    for (let round = 0; round < rounds; round++) {
      options.log(`round ${round + 1} of ${rounds}`)
      for (const name of names) measured.get(name)?.push(await perConnection(name, connections, options))
    }
    const rowOf = (metric: string, pick: (footprint: Footprint) => number): Row => {
      const lockstep = medianOf(measured.get('lockstep'), pick)
      const control = medianOf(measured.get('ws'), pick)
      return row({
        metric: `${metric}, ${connections} connections`,
        unit: 'bytes per connection',
        lockstep,
        control,
        limit: limitBytes,
        peers: {
          'socket.io': medianOf(measured.get('socket.io'), pick),
          faye: medianOf(measured.get('faye'), pick),
        },
        ratio: ratioOf(lockstep, control),
        target: `<= ${limitBytes.toLocaleString('en')}`,
        met: lockstep === null ? null : lockstep <= limitBytes,
      })
    }
    return [
      rowOf('resident memory', (footprint) => footprint.residentBytes),
      rowOf('heap and external', (footprint) => footprint.heapBytes),
    ]
  },
}

async function perConnection(
  name: ContenderName,
  connections: number,
  options: BenchOptions,
): Promise<Footprint> {
  options.log(`${connections} connections to ${name}`)
  const server = new Child<MemoryMethods>('./server.js', import.meta.url, { flags: ['--expose-gc'] })
  try {
    await server.call('start', name)
    const before = await server.call('connect', firstConnections)
    const after = await server.call('connect', connections)
    return {
      residentBytes: (after.residentBytes - before.residentBytes) / connections,
      heapBytes: (after.heapBytes - before.heapBytes) / connections,
    }
  } finally {
    await server.stop()
  }
}
