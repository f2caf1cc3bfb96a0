import { mkdirSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { checkHistory } from './checking.ts'
import { leaks, resultLines, violationLines } from './report.ts'
import { Chaos, type ChaosOptions } from './run.ts'

const usage = `npm run chaos -- [--minutes N] [--seed S] [--out FOLDER]   break a real system for N minutes (10)
npm run chaos -- --quick                                    half a minute, with few clients and faults in a hurry
npm run chaos -- --check FILE                              look at a recorded history again`

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    quick: { type: 'boolean', default: false },
    seed: { type: 'string' },
    out: { type: 'string' },
    check: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

interface Scale extends Pick<ChaosOptions, 'gapMs' | 'processes' | 'clients' | 'measure'> {
  readonly minutes: number
}

const usual: Scale = { minutes: 10, gapMs: [200, 1_400], processes: 2, clients: 7, measure: true }
/** Every kind of fault once. */
const quick: Scale = { minutes: 0.3, gapMs: [200, 700], processes: 2, clients: 3, measure: false }

if (values.help) console.log(usage)
else if (values.check !== undefined) process.exitCode = await look(values.check)
// Not left to end by itself: where sockets were reset, Node 20 may never come to the end of cleaning up.
else process.exit(await breakThings())

async function look(file: string): Promise<number> {
  const found = await checkHistory(file)
  for (const line of violationLines(found)) console.log(line)
  console.log(`${found.events} events, ${found.violations.length} violations`)
  return found.violations.length === 0 ? 0 : 1
}

async function breakThings(): Promise<number> {
  const scale = values.quick ? quick : usual
  const minutes = values.minutes === undefined ? scale.minutes : Number(values.minutes)
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed)
  if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
    console.error(usage)
    return 2
  }
  const folder = values.out ?? (await mkdtemp(join(tmpdir(), 'lockstep-chaos-')))
  mkdirSync(folder, { recursive: true })
  console.log(`seed ${seed}, ${minutes} minutes, recorded in ${folder}`)
  const chaos = new Chaos({
    ...scale,
    seed,
    forMs: minutes * 60_000,
    folder,
    progress: (line) => console.log(line),
  })
  const interrupted = (): void => {
    console.log('ending everything')
    void chaos.end().finally(() => process.exit(130))
  }
  // The driver throws where a connection is lost between two statements (issue 1208 of `postgres`).
  process.on('uncaughtException', (error) => {
    if (!/postgres\/src\/connection\.js/.test(error.stack ?? '')) throw error
  })
  process.once('SIGINT', interrupted)
  process.once('SIGTERM', interrupted)
  try {
    const result = await chaos.run()
    for (const line of resultLines(result)) console.log(line)
    const wrong = result.found.violations.length + leaks(result).length + (result.settled ? 0 : 1)
    const faults = [...result.faults.values()].reduce((all, each) => all + each, 0)
    console.log(
      `chaos: seed ${seed}, ${minutes} minutes, ${faults} faults, ${result.commits} commits, ${wrong === 0 ? 'no violation' : `${wrong} VIOLATIONS`}`,
    )
    return wrong === 0 ? 0 : 1
  } finally {
    await chaos.end()
  }
}
