import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type Core, nodeOn } from './pinning.ts'

/** What a child process answers: each method takes one structured-clonable argument. */
export type Methods = Record<string, (argument: never) => unknown>

export interface ChildOptions {
  readonly core?: Core
  /** Flags for Node itself. */
  readonly flags?: readonly string[]
  readonly args?: readonly string[]
}

export interface Question {
  readonly id: number
  readonly method: string
  readonly argument: unknown
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }

const running = new Set<ChildProcess>()

/** Ends every child of this process at once; they end their own when the channel to them closes. */
export function endAllChildren(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** A process of ours that answers calls. It ends when this process does. */
export class Child<M extends Methods> {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #lastId = 0
  #ended: Error | undefined
  readonly pid: number

  /** `script` is a file of this folder tree after the build, relative to `base` (`import.meta.url`). */
  constructor(script: string, base: string, options: ChildOptions = {}) {
    const { command, flags } = nodeOn(options.core, options.flags ?? [])
    this.#process = fork(fileURLToPath(new URL(script, base)), [...(options.args ?? [])], {
      execPath: command,
      execArgv: flags,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      serialization: 'advanced',
    })
    this.pid = this.#process.pid ?? 0
    running.add(this.#process)
    this.#process.on('message', (message) => this.#take(message))
    this.#process.on('error', (error) => this.#end(error))
    this.#process.on('exit', (code, signal) => {
      running.delete(this.#process)
      this.#end(new Error(`${script} ended with ${signal ?? code}`))
    })
  }

  call<K extends keyof M & string>(
    method: K,
    ...argument: Parameters<M[K]>
  ): Promise<Awaited<ReturnType<M[K]>>> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {
        // Answers come from a file of ours whose `answerCalls` was given methods of type M.
        resolve: (value) => resolve(value as Awaited<ReturnType<M[K]>>),
        reject,
      })
      const question: Question = { id, method, argument: argument[0] }
      this.#process.send(question)
    })
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const gone = new Promise<void>((resolve) => this.#process.once('exit', () => resolve()))
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 5_000)
    await gone
    clearTimeout(timer)
  }

  #take(message: unknown): void {
    // Only `answerCalls` writes to this channel.
    const answer = message as Answer
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.value)
  }

  #end(error: Error): void {
    this.#ended ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}
