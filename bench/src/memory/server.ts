import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import type { Contender, ContenderName } from '../contenders/contender.ts'
import { startContender } from '../contenders/start.ts'
import type { LoadMethods } from '../load/main.ts'
import { answerCalls } from '../process/answer.ts'
import { Child } from '../process/child.ts'

/** Bytes of this process. */
export interface Footprint {
  /** Memory of its own that is in RAM: `RssAnon` on Linux, elsewhere all of RSS. */
  readonly residentBytes: number
  /** V8's heap and what hangs on it outside, after a full collection. */
  readonly heapBytes: number
}

/** One contender's server, measured from inside. Needs `--expose-gc`. */
export type MemoryMethods = {
  start(name: ContenderName): Promise<void>
  /** Adds so many idle subscribers; resolves with the footprint after that. */
  connect(count: number): Promise<Footprint>
  /** The ms in which so many subscribers are there. */
  handshakes(count: number): Promise<number>
}

let contender: Contender | undefined
let load: Child<LoadMethods> | undefined

const methods: MemoryMethods = {
  start: async (name) => {
    contender = await startContender(name)
    load = new Child<LoadMethods>('../load/main.js', import.meta.url, { core: 'load' })
  },
  connect: async (count) => {
    await join(count)
    return settledFootprint()
  },
  handshakes: async (count) => {
    const start = performance.now()
    await join(count)
    return performance.now() - start
  },
}

async function join(count: number): Promise<void> {
  if (contender === undefined || load === undefined) throw new Error('not started')
  await load.call('connect', { port: contender.port, count, dialect: contender.dialect(count) })
}

/** What is garbage goes over several collections: finalisers of one free what the next can collect. */
async function settledFootprint(): Promise<Footprint> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc?.()
    await wait(250)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  return { residentBytes: residentOwn() ?? rss, heapBytes: heapUsed + external }
}

function residentOwn(): number | undefined {
  if (process.platform !== 'linux') return undefined
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}

answerCalls(methods, async () => {
  await load?.stop()
  await contender?.close()
})
