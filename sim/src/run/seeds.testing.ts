import { expect, test } from 'vitest'
import { runSeed } from './worker.ts'

/** How long a seed may take where all cores are busy, in ms. */
const seedMsMax = 2_000

/** Runs so many seeds; a file for each part, so that all cores are used. */
export function testSeeds(from: number, count: number): void {
  test(
    `G1 to G12: no promise is broken under the schedules of seeds ${from} to ${from + count - 1}`,
    async () => {
      const broken: string[] = []
      for (let seed = from; seed < from + count; seed++) {
        for (const { promise, message } of (await runSeed(seed)).violations)
          broken.push(`${promise}: ${message} (npm run sim -- --seed ${seed})`)
      }
      expect(broken).toEqual([])
    },
    count * seedMsMax,
  )
}
