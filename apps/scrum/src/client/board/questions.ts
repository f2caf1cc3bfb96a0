import type { LockQuestion } from '@lockstep/client/locks'
import { Keyed } from './keyed.ts'

/** Askers shown one after the other; whoever comes beyond that gets no answer. */
const questionsMax = 8

const none: readonly LockQuestion[] = []

/** Who would like to have a row that this page works on, `items/17`, in the order in which they asked. */
export class Questions extends Keyed<readonly LockQuestion[]> {
  readonly #tell: (resource: string, question: LockQuestion) => void

  constructor(tell: (resource: string, question: LockQuestion) => void) {
    super()
    this.#tell = tell
  }

  add(resource: string, question: LockQuestion): void {
    const others = (this.get(resource) ?? none).filter(({ session }) => session !== question.session)
    this.set(resource, [...others, question].slice(0, questionsMax))
    setTimeout(() => this.remove(resource, question), question.waitMs)
    this.#tell(resource, question)
  }

  remove(resource: string, question: LockQuestion): void {
    const known = this.get(resource)
    if (known?.includes(question) !== true) return
    const left = known.filter((other) => other !== question)
    this.set(resource, left.length === 0 ? undefined : left)
  }
}
