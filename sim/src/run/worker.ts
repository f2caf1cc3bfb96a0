import { parentPort } from 'node:worker_threads'
import { forbidChance } from '../clock/forbid.ts'
import type { Violation } from '../history/history.ts'
import { drawSchedule } from '../schedule/draw.ts'
import { runSchedule } from './run.ts'

/** What became of a seed. */
export interface SeedReport {
  readonly seed: number
  readonly violations: readonly Violation[]
  readonly count: number
  readonly steps: number
  readonly virtualMs: number
  readonly faults: readonly (readonly [string, number])[]
}

/** Every so manieth seed is run twice: both runs must be the same to the last event. */
const twiceEvery = 50

/** Runs one seed; whatever goes wrong is a violation of it. */
export async function runSeed(seed: number): Promise<SeedReport> {
  const schedule = drawSchedule(seed)
  const twice = seed % twiceEvery === 0
  const first = await runSchedule(schedule, { hash: twice })
  const violations = [...first.violations]
  if (twice) {
    const second = await runSchedule(schedule, { hash: true, check: false })
    if (second.hash !== first.hash || second.steps !== first.steps) {
      const message = `two runs differ: ${first.hash} of ${first.steps} steps, ${second.hash} of ${second.steps}`
      violations.push({ promise: 'determinism', message, event: first.count })
    }
  }
  const { count, steps, virtualMs, faults } = first
  return { seed, violations, count, steps, virtualMs, faults: [...faults] }
}

function broken(seed: number, error: unknown): SeedReport {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const violations = [{ promise: 'code', message, event: 0 }]
  return { seed, violations, count: 0, steps: 0, virtualMs: 0, faults: [] }
}

/** Takes seeds from the main thread, one after the other. */
function serve(port: NonNullable<typeof parentPort>): void {
  let seed = 0
  let fail: (error: unknown) => void = () => {}
  // What nobody has awaited is a fault of the seed that runs.
  process.on('unhandledRejection', (error) => fail(error))
  port.on('message', (next: number) => {
    seed = next
    new Promise<SeedReport>((resolve) => {
      fail = (error) => resolve(broken(seed, error))
      runSeed(seed).then(resolve, fail)
    }).then((report) => port.postMessage(report))
  })
}

if (parentPort !== null) {
  forbidChance()
  serve(parentPort)
}
