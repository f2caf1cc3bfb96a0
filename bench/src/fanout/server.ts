import { setImmediate as turn } from 'node:timers/promises'
import type { Contender, ContenderName } from '../contenders/contender.ts'
import { startContender } from '../contenders/start.ts'
import type { LoadMethods } from '../load/main.ts'
import { answerCalls } from '../process/answer.ts'
import { Child } from '../process/child.ts'
import { measureUsage, type Usage } from '../process/cpu.ts'

let contender: Contender | undefined
let load: Child<LoadMethods> | undefined
let subscribers = 0
/** Changes sent since the start. */
let sent = 0

/** One contender's server with its subscribers in a second process. */
export type FanoutMethods = {
  start(who: { name: ContenderName; count: number }): Promise<void>
  /** One change at a time: the next when every subscriber has the last. */
  unhurried(changes: number): Promise<Usage>
  /** `perTurn` changes in each turn of the event loop, at most `windowMax` of them on their way. */
  saturated(saturation: Saturation): Promise<Usage>
  /** @throws Error unless every subscriber got every change exactly once and no bound was broken. */
  verify(): Promise<void>
}

const methods: FanoutMethods = {
  start: async ({ name, count }) => {
    contender = await startContender(name)
    load = new Child<LoadMethods>('../load/main.js', import.meta.url, { core: 'load' })
    await load.call('connect', { port: contender.port, count, dialect: contender.dialect(count) })
    // Some tell of those who come.
    await load.call('settle')
    subscribers = count
  },

  unhurried: async (changes) => {
    const parts = ready()
    const usage = measureUsage()
    for (let i = 0; i < changes; i++) {
      parts.contender.send(1)
      await parts.load.call('reach', ++sent * subscribers)
    }
    return usage()
  },

  saturated: async ({ changes, perTurn, windowMax }) => {
    const parts = ready()
    const usage = measureUsage()
    const target = sent + changes
    const reached: Promise<void>[] = []
    while (sent < target) {
      parts.contender.send(perTurn)
      sent += perTurn
      reached.push(parts.load.call('reach', sent * subscribers))
      if (reached.length * perTurn >= windowMax) await reached.shift()
      await turn()
    }
    await Promise.all(reached)
    return usage()
  },

  verify: async () => {
    const parts = ready()
    await parts.load.call('verify', sent)
    parts.contender.verify?.()
  },
}

export interface Saturation {
  readonly changes: number
  readonly perTurn: number
  readonly windowMax: number
}

function ready(): { contender: Contender; load: Child<LoadMethods> } {
  if (contender === undefined || load === undefined) throw new Error('not started')
  return { contender, load }
}

answerCalls(methods, async () => {
  await load?.stop()
  await contender?.close()
})
