import { setTimeout as wait } from 'node:timers/promises'

export interface EventuallyOptions {
  /** How long to go on trying, in ms; default 10,000. */
  readonly timeoutMs?: number
  /** Pause between two tries, in ms; default 10. */
  readonly everyMs?: number
}

/**
 * Runs `attempt` again and again until it neither throws nor returns `false`, and resolves with what it
 * returned. Any other value counts as success, `undefined` too, so a bare assertion will do.
 * @throws Error when the time is over, with the last failure as its message's end and its `cause`.
 */
export async function eventually<T>(
  attempt: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false>> {
  const { timeoutMs = 10_000, everyMs = 10 } = options
  const deadline = performance.now() + timeoutMs
  for (;;) {
    let failure: unknown
    try {
      const value = await attempt()
      // The branch below excludes exactly `false`, which TypeScript cannot conclude for a type parameter.
      if (value !== false) return value as Exclude<T, false>
      failure = new Error('the condition is still false')
    } catch (error) {
      failure = error
    }
    if (performance.now() >= deadline) {
      const reason = failure instanceof Error ? failure.message : String(failure)
      throw new Error(`Not so within ${timeoutMs} ms: ${reason}`, { cause: failure })
    }
    await wait(everyMs)
  }
}
