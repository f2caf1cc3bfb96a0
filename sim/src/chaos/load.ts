import { Child } from './child.ts'
import type { WriterFacts } from './writer-main.ts'
import type { WritersOptions } from './writers.ts'

const none: WriterFacts = { commits: 0, rollbacks: 0, held: 0, refusals: {} }
/** How long transactions under way may take to end. */
const stopMs = 60_000

/** Programs that write beside the application, one after the other. */
export class Load {
  /** Of all of them, at the last look. */
  facts: WriterFacts = none
  programs = 0
  readonly #options: Omit<WritersOptions, 'number'>
  #child: Child | undefined
  #former: WriterFacts = none
  #stopped = false

  private constructor(options: Omit<WritersOptions, 'number'>) {
    this.#options = options
  }

  static async start(options: Omit<WritersOptions, 'number'>): Promise<Load> {
    const made = new Load(options)
    await made.#start()
    return made
  }

  async #start(): Promise<void> {
    this.#child = await Child.start('writer-main', { ...this.#options, number: this.programs++ })
    this.#child.onExit(() => {
      this.#former = this.facts
      if (!this.#stopped) this.#start().catch(() => {})
    })
  }

  async look(): Promise<void> {
    await this.#ask('facts')
  }

  async stop(): Promise<void> {
    this.#stopped = true
    const timer = setTimeout(() => this.#child?.kill(), stopMs)
    await this.#ask('stop')
    clearTimeout(timer)
    await this.#child?.kill()
  }

  async #ask(order: 'facts' | 'stop'): Promise<void> {
    const answer = await this.#child?.ask<{ facts: WriterFacts }>({ order }).catch(() => undefined)
    if (answer !== undefined) this.facts = sum(this.#former, answer.facts)
  }
}

function sum(left: WriterFacts, right: WriterFacts): WriterFacts {
  const refusals: Record<string, number> = { ...left.refusals }
  for (const [code, count] of Object.entries(right.refusals)) refusals[code] = (refusals[code] ?? 0) + count
  return {
    commits: left.commits + right.commits,
    rollbacks: left.rollbacks + right.rollbacks,
    held: left.held + right.held,
    refusals,
  }
}
