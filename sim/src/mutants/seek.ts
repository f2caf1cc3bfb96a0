import { register } from 'node:module'
import type { Violation } from '../history/history.ts'
import { mutants } from './mutants.ts'

/** What a process of its own finds: one of these is its only line of output. */
export type Sought =
  | {
      readonly found: true
      readonly seed: number
      readonly violation: Violation
      /** Where it was asked for. */
      readonly story: string
    }
  | { readonly found: false; readonly others: readonly string[] }

/** Runs seeds with a fault planted until one of its promises is found broken; without a name, with none. */
async function seek(
  name: string,
  promises: readonly string[],
  from: number,
  to: number,
  tells: boolean,
): Promise<Sought> {
  const mutant = mutants.find((other) => other.name === name)
  if (mutant !== undefined) {
    register('./loader.js', { parentURL: import.meta.url, data: mutant.edits })
  }
  // Only now, so that what they load is changed.
  const { drawSchedule } = await import('../schedule/draw.ts')
  const { runSchedule } = await import('../run/run.ts')
  const { forbidChance } = await import('../clock/forbid.ts')
  const { storyOf } = await import('../run/tell.ts')
  const others = new Set<string>()
  for (let seed = from; seed <= to; seed++) {
    const undo = forbidChance()
    try {
      const { violations } = await runSchedule(drawSchedule(seed))
      const violation = violations.find(({ promise }) => promises.includes(promise))
      if (violation !== undefined) {
        const story = tells ? await storyOf(seed, violation.promise) : ''
        return { found: true, seed, violation, story }
      }
      for (const { promise } of violations) others.add(promise)
    } catch {
      others.add('code')
    } finally {
      undo()
    }
  }
  return { found: false, others: [...others] }
}

const [name = '', promises = '', from = '1', to = '1', tells = ''] = process.argv.slice(2)
// A promise that nobody awaits is no reason to end: the fault may break more than what is looked for.
process.on('unhandledRejection', () => {})
const sought = await seek(name, promises.split(','), Number(from), Number(to), tells === 'story')
process.stdout.write(`${JSON.stringify(sought)}\n`, () => process.exit(0))
