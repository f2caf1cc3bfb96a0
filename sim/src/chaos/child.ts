import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** How long an answer may take, after which it does not come any more. */
const answerMs = 120_000
/** Of what a process prints, the last is kept. */
const printedCharsMax = 20_000

/** A process of a run: one of the programs beside this file, which answers numbered questions. */
export class Child {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: unknown) => void>()
  #asked = 0
  #printed = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#printed = (this.#printed + chunk.toString()).slice(-printedCharsMax)
      })
    }
    child.on('message', (message) => {
      const { id } = Object(message)
      this.#waiting.get(id)?.(message)
      this.#waiting.delete(id)
    })
  }

  /**
   * Resolves when the process says that it is ready.
   * @throws Error with what it printed, when it ends instead
   */
  static async start(program: string, config: object): Promise<Child> {
    // The built program, also when this file runs from its source: Node 20 takes no TypeScript.
    const main = fileURLToPath(new URL(`../../dist/chaos/${program}.js`, import.meta.url))
    const child = fork(main, {
      env: { ...process.env, CHAOS: JSON.stringify(config) },
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A group of its own: Ctrl-C is for this process, which then ends its children.
      detached: true,
    })
    const made = new Child(child)
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve())
      child.once('exit', (code, signal) =>
        reject(new Error(`${program} ended with ${code ?? signal}: ${made.printed}`)),
      )
    })
    return made
  }

  get printed(): string {
    return this.#printed
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** @throws Error where no answer comes, because the process has ended or does not get to it */
  ask<Answer>(question: object): Promise<Answer> {
    const id = ++this.#asked
    return new Promise((resolve, reject) => {
      const ended = (): void => fail('the process has ended')
      const timer = setTimeout(() => fail(`no answer within ${answerMs} ms`), answerMs)
      const fail = (why: string): void => {
        this.#end(id, timer, ended)
        reject(new Error(why))
      }
      this.#waiting.set(id, (answer) => {
        this.#end(id, timer, ended)
        resolve(answer as Answer) // what the program answers to this question
      })
      this.#child.once('exit', ended)
      if (this.running) this.#child.send({ ...question, id }, (error) => error && fail(error.message))
      else ended()
    })
  }

  #end(id: number, timer: NodeJS.Timeout, ended: () => void): void {
    clearTimeout(timer)
    this.#waiting.delete(id)
    this.#child.off('exit', ended)
  }

  onExit(listener: () => void): void {
    this.#child.once('exit', listener)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    if (!this.running) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  /** Lets it end by itself; kills it where that takes too long. */
  async stop(question: object, withinMs: number): Promise<void> {
    if (!this.running) return
    const gone = once(this.#child, 'exit')
    this.#child.send(question)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), withinMs)
    await gone
    clearTimeout(timer)
  }
}
