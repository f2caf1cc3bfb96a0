import { Worker } from 'node:worker_threads'
import type { SeedReport } from './worker.ts'

/** Runs many seeds on several threads; `hear` gets each report as it comes, in no certain order. */
export async function runMany(
  seeds: { readonly from: number; readonly count: number },
  threads: number,
  hear: (report: SeedReport) => void,
): Promise<void> {
  const end = seeds.from + seeds.count
  let next = seeds.from
  const serve = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./worker.js', import.meta.url))
      const give = (): void => {
        if (next < end) worker.postMessage(next++)
        else void worker.terminate()
      }
      worker.on('message', (report: SeedReport) => {
        hear(report)
        give()
      })
      worker.on('error', reject)
      worker.on('exit', () => resolve())
      give()
    })
  await Promise.all(Array.from({ length: Math.min(threads, seeds.count) }, serve))
}
