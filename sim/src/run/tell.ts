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
    const schedule = drawSchedule(seed)
    const { violations } = await runSchedule(schedule)
    const [first] = violations
    if (first === undefined) {
      out.write(`Seed ${seed} breaks nothing.\n`)
      return false
    }
    out.write(`Seed ${seed} breaks ${first.promise}: ${first.message}\nCutting it down ...\n`)
    const { smallest, runs, events, violations: left } = await shrinkSchedule(schedule, first.promise)
    out.write(
      `${schedule.steps.length} steps became ${smallest.steps.length} in ${runs} runs: ${stepsText(smallest)}\n\n` +
        `${story(events, left)}\n`,
    )
    return true
  } finally {
    undo()
  }
}
