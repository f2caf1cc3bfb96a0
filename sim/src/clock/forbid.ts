import { createRequire, syncBuiltinESMExports } from 'node:module'

/** What is not a function of its input, by the object that has it. */
const forbidden: readonly (readonly [object, readonly string[]])[] = [
  [globalThis, ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask']],
  [Date, ['now']],
  [Math, ['random']],
  [performance, ['now']],
  [globalThis.crypto, ['randomUUID', 'getRandomValues']],
  [process, ['hrtime']],
]

/**
 * From now on everything throws that would make two runs of a seed differ: whatever reads a clock, draws chance or
 * waits has to ask its runtime. Returns what takes that back.
 */
export function forbidChance(): () => void {
  const require = createRequire(import.meta.url)
  const crypto: object = require('node:crypto')
  const undo: (() => void)[] = []
  for (const [owner, names] of [
    ...forbidden,
    [crypto, ['randomBytes', 'randomInt', 'randomUUID']] as const,
  ]) {
    for (const name of names) {
      const own = Object.getOwnPropertyDescriptor(owner, name)
      Object.defineProperty(owner, name, {
        configurable: true,
        writable: true,
        value: () => {
          throw new Error(`${name} in simulation: ask the runtime`)
        },
      })
      undo.push(() => {
        if (own === undefined) Reflect.deleteProperty(owner, name)
        else Object.defineProperty(owner, name, own)
      })
    }
  }
  const date = globalThis.Date
  globalThis.Date = new Proxy(date, {
    construct(target, given: unknown[]) {
      if (given.length === 0) throw new Error('new Date() in simulation: ask the runtime')
      return Reflect.construct(target, given)
    },
  })
  syncBuiltinESMExports()
  return () => {
    globalThis.Date = date
    for (const run of undo.reverse()) run()
    syncBuiltinESMExports()
  }
}
