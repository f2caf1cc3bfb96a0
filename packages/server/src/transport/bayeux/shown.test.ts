import type { TransactionMessage } from '@lockstep/protocol'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { Encoded, type Target } from './mapping.ts'
import { HubChannel } from './shown.ts'

const target = (collection: string): Target => ({
  name: `/sync/project/1/${collection}`,
  channel: 'project/1',
  collection,
})
const names = ['items', 'tasks', 'notes']

/** A transaction that changes every collection. */
function transactionAt(lsn: number): Encoded {
  const changes = Object.fromEntries(names.map((name) => [name, { destroy: [String(lsn)] }]))
  const position = `a.${lsn.toString(16)}`
  const message = { type: 'transaction', channel: 'project/1', position, prev: 'a.0', at: 0, changes }
  return new Encoded(message as TransactionMessage) // of the protocol's shape
}

const told = (channel: HubChannel, lsn: number): string[] =>
  channel.transaction(transactionAt(lsn)).map(({ text }) => (JSON.parse(text) as { channel: string }).channel)

it('Y5: tells each that is shown what came after it began, once, however the log is gone through again', () => {
  const step = fc.record({
    name: fc.constantFrom(...names),
    kind: fc.constantFrom('show', 'again', 'hide', 'go on', 'go on', 'go on'),
    back: fc.integer({ min: 0, max: 6 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const channel = new HubChannel('project/1')
      /** By name: what it was told, and from where on. */
      const model = new Map<string, number>()
      let head = 10
      let replayed = head
      for (const { name, kind, back } of steps) {
        if (kind === 'show' || kind === 'again') {
          const from = head - back
          channel.show(target(name), name, from, kind === 'again')
          if (!model.has(name) || kind === 'again') model.set(name, from)
          // The hub says again what came after, as for a subscription from further back.
          replayed = Math.min(replayed, from)
        } else if (kind === 'hide') {
          channel.hide(name)
          model.delete(name)
        } else {
          head++
          for (let lsn = replayed + 1; lsn <= head; lsn++) {
            const wanted = [...model].filter(([, after]) => after < lsn).map(([own]) => target(own).name)
            expect(told(channel, lsn).toSorted()).toEqual(wanted.toSorted())
            for (const [own, after] of model) model.set(own, Math.max(after, lsn))
          }
          replayed = head
        }
      }
      expect(channel.shown.map((shown) => shown.target.collection).toSorted()).toEqual(
        [...model.keys()].toSorted(),
      )
    }),
    { numRuns: 300 },
  )
})
