import { parseArgs } from 'node:util'
import { bayeux } from './bayeux/bayeux.ts'
import type { Bench, BenchReport } from './bench.ts'
import { locks, presence } from './beside/beside.ts'
import { board } from './board/board.ts'
import { bundle } from './bundle/bundle.ts'
import { decode } from './decode/decode.ts'
import { fanout } from './fanout/fanout.ts'
import { inspector } from './inspector/inspector.ts'
import { latency } from './latency/latency.ts'
import { memory } from './memory/memory.ts'
import { endAllChildren } from './process/child.ts'
import { within } from './process/deadline.ts'
import { formatTable } from './report/table.ts'
import { resumeStorm } from './resume-storm/resume-storm.ts'

const benches: readonly Bench[] = [
  fanout,
  decode,
  latency,
  memory,
  resumeStorm,
  bayeux,
  locks,
  presence,
  inspector,
  board,
  bundle,
]

const usage = `npm run bench -- [name ...] [--json] [--quick]
names: ${benches.map(({ name }) => name).join(' ')} (default: all)`

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name))
  if (values.help === true || unknown.length > 0) {
    console.error(unknown.length > 0 ? `no bench named ${unknown.join(', ')}\n${usage}` : usage)
    process.exitCode = unknown.length > 0 ? 2 : 0
    return
  }
  const chosen = positionals.length === 0 ? benches : benches.filter(({ name }) => positionals.includes(name))
  const reports: BenchReport[] = []
  for (const bench of chosen) {
    const log = (line: string): void => console.error(`${bench.name}: ${line}`)
    const running = bench.run({ quick: values.quick === true, log })
    const rows = await within(running, bench.timeoutMs, `bench ${bench.name}`)
    const report = { bench: bench.name, rows }
    reports.push(report)
    if (values.json !== true) console.log(`${formatTable(report)}\n`)
  }
  if (values.json === true)
    console.log(JSON.stringify(positionals.length === 1 ? reports[0] : reports, null, 2))
}

function stop(code: number): void {
  endAllChildren()
  process.exit(code)
}

process.on('SIGINT', () => stop(130))
process.on('SIGTERM', () => stop(143))
main().then(
  () => stop(Number(process.exitCode ?? 0)),
  (error) => {
    console.error(error instanceof Error ? (error.stack ?? error.message) : error)
    stop(1)
  },
)
