import type { Answer, Methods, Question } from './child.ts'

/**
 * The child's side of `Child`: runs the methods that the parent calls, and ends this process when the
 * parent is gone. `ended` may tidy up first.
 */
export function answerCalls(methods: Methods, ended?: () => Promise<void> | void): void {
  process.on('message', (message) => {
    // Only `Child` writes to this channel.
    void answer(methods, message as Question)
  })
  process.on('disconnect', () => {
    Promise.resolve(ended?.()).finally(() => process.exit(0))
  })
  // Ctrl-C reaches the whole group; the parent then closes the channel.
  process.on('SIGINT', () => {})
}

async function answer(methods: Methods, { id, method, argument }: Question): Promise<void> {
  let reply: Answer
  try {
    const run = methods[method]
    if (run === undefined) throw new Error(`no method ${method}`)
    // The parent's `call` has checked the argument against the method's type.
    reply = { id, value: await run(argument as never) }
  } catch (error) {
    reply = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  if (process.connected) process.send?.(reply)
}
