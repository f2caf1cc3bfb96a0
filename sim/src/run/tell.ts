import { forbidChance } from '../clock/forbid.ts'
import { drawSchedule } from '../schedule/draw.ts'
import { shrinkSchedule } from '../shrink/schedule.ts'
import { stepsText } from '../shrink/step-text.ts'
import { story } from '../story/story.ts'
import { runSchedule } from './run.ts'

/** Tells what a seed breaks first, as short as it can be. Returns whether anything was broken. */
export async function tellSeed(seed: number, out: { write(text: string): unknown }): Promise<boolean> {
  const undo = forbidChance()
  try {
    const { violations } = await runSchedule(drawSchedule(seed))
    const [first] = violations
    if (first === undefined) {
      out.write(`Seed ${seed} breaks nothing.\n`)
      return false
    }
    out.write(`Seed ${seed} breaks ${first.promise}: ${first.message}\nCutting it down ...\n`)
    out.write(`${await storyOf(seed, first.promise)}\n`)
    return true
  } finally {
    undo()
  }
}

/** How a seed breaks a promise, with as few steps as it takes. */
export async function storyOf(seed: number, promise: string): Promise<string> {
  const schedule = drawSchedule(seed)
  const { smallest, runs, events, violations } = await shrinkSchedule(schedule, promise)
  const steps = `${schedule.steps.length} steps became ${smallest.steps.length} in ${runs} runs`
  return `${steps}: ${stepsText(smallest)}\n\n${story(events, violations)}`
}
