import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Mutant } from './mutant.ts'
import type { Sought } from './seek.ts'

export interface Hunted {
  readonly mutant: Mutant
  /** Undefined: not found. */
  readonly found: Extract<Sought, { found: true }> | undefined
  readonly seconds: number
  /** Promises that were broken beside those that it is to break, where it was not found. */
  readonly others: readonly string[]
}

/** How long one mutant may take, in ms. */
const huntMs = 900_000

export interface HuntOptions {
  /** Tells how the fault breaks the promise. */
  readonly tells?: boolean
  readonly program?: string
}

/**
 * Looks for one mutant in seeds 1 to `seedsMax`. What the code breaks without the fault does not count: then it goes on
 * behind that seed.
 */
export async function hunt(
  mutant: Mutant,
  seedsMax: number,
  { tells = false, program = fileURLToPath(new URL('./seek.js', import.meta.url)) }: HuntOptions = {},
): Promise<Hunted> {
  const began = performance.now()
  const seconds = (): number => (performance.now() - began) / 1_000
  for (let from = 1; ; ) {
    const sought = await seek(program, [
      mutant.name,
      mutant.breaks.join(),
      from,
      seedsMax,
      tells ? 'story' : '',
    ])
    if (!sought.found) return { mutant, found: undefined, seconds: seconds(), others: sought.others }
    const { seed, violation } = sought
    const sane = await seek(program, ['', violation.promise, seed, seed])
    if (!sane.found) return { mutant, found: sought, seconds: seconds(), others: [] }
    from = seed + 1
  }
}

/** In a process of its own, because what is loaded once stays. */
function seek(program: string, args: readonly (string | number)[]): Promise<Sought> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args.map(String)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: huntMs,
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0)
        resolve(JSON.parse(text) as Sought) // what `seek.ts` has written
      else resolve({ found: false, others: [`the process ended with ${code ?? 'a signal'}`] })
    })
  })
}
