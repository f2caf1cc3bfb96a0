import { availableParallelism } from 'node:os'
import { type Hunted, hunt } from './hunt.ts'
import type { Mutant } from './mutant.ts'
import { mutants } from './mutants.ts'

export interface TableOptions {
  /** Parts of names, with commas between them. */
  readonly only?: string | undefined
  readonly seedsMax: number
  /** Tells the story of each. */
  readonly tells: boolean
}

/** Looks for all mutants, and says of each where it was found. Returns whether all were. */
export async function huntAll(
  { only, seedsMax, tells }: TableOptions,
  out: { write(text: string): unknown },
): Promise<boolean> {
  const texts = (only ?? '').split(',')
  const chosen = mutants.filter(({ name }) => texts.some((text) => name.includes(text)))
  if (chosen.length === 0) throw new Error(`No mutant has "${only}" in its name.`)
  out.write(`${row(['mutant', 'breaks', 'seed', 'found', 's'])}\n`)
  const waiting = [...chosen]
  const all: Hunted[] = []
  const work = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const hunted = await hunt(mutant, seedsMax, { tells })
      all.push(hunted)
      out.write(`${line(mutant, hunted)}\n`)
      if (tells && hunted.found !== undefined) out.write(`${hunted.found.story}\n\n`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  const missed = all.filter(({ found }) => found === undefined)
  const seeds = all.map(({ found }) => found?.seed ?? 0)
  out.write(
    `\n${all.length - missed.length} of ${all.length} mutants found, within ${Math.max(...seeds)} seeds\n`,
  )
  if (missed.length > 0) out.write(`not found: ${missed.map(({ mutant }) => mutant.name).join(', ')}\n`)
  return missed.length === 0
}

function line({ name, breaks }: Mutant, { found, others, seconds }: Hunted): string {
  const what =
    found === undefined
      ? `not found${others.length > 0 ? `, but ${others.join(', ')}` : ''}`
      : `${found.violation.promise}: ${found.violation.message.split('\n')[0]}`
  return row([name, breaks.join(' '), String(found?.seed ?? '-'), what.slice(0, 80), seconds.toFixed(0)])
}

const widths = [31, 12, 5, 80, 4] as const

function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => cell.padEnd(widths[i] ?? 0))
    .join(' ')
    .trimEnd()
}
