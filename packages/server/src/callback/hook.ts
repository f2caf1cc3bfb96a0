import type { Operation } from '@lockstep/protocol'
import type { SessionAnswer, SessionHook } from '../session/event.ts'
import type { Callbacks } from './callbacks.ts'

/** Who is told of sessions: the application in this process first, then its backend. */
export function hookOf(
  own: SessionHook | undefined,
  callbacks: Callbacks | undefined,
): SessionHook | undefined {
  if (callbacks === undefined) return own
  if (own === undefined) return (event) => callbacks.hear(event)
  return async (event) => {
    const answer = await own(event)
    if (answer === false) return false
    const asked = await callbacks.hear(event)
    if (asked === false) return false
    return { operations: [...operationsIn(answer), ...operationsIn(asked)] }
  }
}

function operationsIn(answer: SessionAnswer): readonly Operation[] {
  return typeof answer === 'object' ? answer.operations : []
}
