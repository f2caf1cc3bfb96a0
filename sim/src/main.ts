import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { huntAll } from './mutants/table.ts'
import { runMany } from './run/many.ts'
import { Summary } from './run/summary.ts'
import { tellSeed } from './run/tell.ts'

const usage = `npm run sim -- --seeds N [--from S]     runs N seeds from S on (default 1)
npm run sim -- --seed S                 runs one seed and shows what was broken
npm run sim -- --seed S --story         cuts that down to the shortest run, and tells it as a sequence diagram
npm run sim -- --mutants [--only TEXT]  plants faults in the code, and looks for each in up to 1,000 seeds;
                                        with --story tells how each broke what it broke`

/** Seeds within which each planted fault must be found. */
const mutantSeedsMax = 1_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    only: { type: 'string' },
    story: { type: 'boolean', default: false },
  },
})

if (values.mutants) {
  const seedsMax = Number(values.seeds ?? mutantSeedsMax)
  process.exit((await huntAll({ only: values.only, seedsMax, tells: values.story }, process.stdout)) ? 0 : 1)
}
const count = Number(values.seed === undefined ? (values.seeds ?? 'none') : 1)
const from = Number(values.seed ?? values.from)
if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(from)) {
  console.error(usage)
  process.exit(1)
}
if (values.story) {
  process.exit((await tellSeed(from, process.stdout)) ? 1 : 0)
}
const summary = new Summary(count, process.stdout)
await runMany({ from, count }, availableParallelism(), (report) => summary.hear(report))
process.exitCode = summary.end() ? 0 : 1
