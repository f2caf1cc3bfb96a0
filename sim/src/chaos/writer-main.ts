import { Writers, type WritersOptions } from './writers.ts'

export interface WriterOrder {
  readonly id: number
  readonly order: 'facts' | 'stop'
}

export interface WriterFacts {
  readonly commits: number
  readonly rollbacks: number
  readonly held: number
  readonly refusals: Readonly<Record<string, number>>
}

const writers = new Writers(JSON.parse(process.env['CHAOS'] ?? '{}') as WritersOptions) // made by load.ts

process.on('message', async (message) => {
  const { id, order } = message as WriterOrder // from load.ts
  if (order === 'stop') await writers.stop()
  const { commits, rollbacks, held, refusals } = writers
  const facts: WriterFacts = { commits, rollbacks, held, refusals }
  process.send?.({ id, facts })
})
// Its driver throws where a connection is lost between two statements (issue 1208 of `postgres`). Nothing of what a
// program leaves behind is the server's fault, so it ends, and another one begins.
process.on('uncaughtException', () => process.exit(1))
process.on('disconnect', () => process.exit())
process.send?.({ ready: true })
