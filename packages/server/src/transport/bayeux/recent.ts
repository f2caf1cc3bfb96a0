import { createHash } from 'node:crypto'
import type { Message } from './message.ts'

/** Requests of one client that are remembered, and characters of their answers. */
const requestsMax = 256
const charactersMax = 65_536

/** One client's last requests and their answers: a client that got no answer sends the same again. */
export class Recent {
  readonly #answers = new Map<string, { readonly answer: Promise<readonly string[]>; length: number }>()
  #length = 0

  /** Runs a request, unless it is a repetition: then its answer is given again. */
  once(message: Message, run: () => Promise<readonly string[]>): Promise<readonly string[]> {
    if (message.id === undefined) return run()
    const key = keyOf(message)
    const known = this.#answers.get(key)
    if (known !== undefined) return known.answer
    const entry = { answer: run(), length: 0 }
    this.#answers.set(key, entry)
    this.#forgetOldest()
    void entry.answer.then((texts) => {
      if (this.#answers.get(key) !== entry) return
      entry.length = texts.reduce((sum, text) => sum + text.length, 0)
      this.#length += entry.length
      this.#forgetOldest()
    })
    return entry.answer
  }

  #forgetOldest(): void {
    for (const [key, { length }] of this.#answers) {
      if (this.#answers.size <= requestsMax && this.#length <= charactersMax) return
      this.#answers.delete(key)
      this.#length -= length
    }
  }
}

/** What was asked, in few bytes however much it was. */
function keyOf(message: Message): string {
  const { channel, data, subscription } = message.fields
  const asked = JSON.stringify([typeof message.id, message.id, channel, data, subscription])
  return createHash('sha1').update(asked).digest('base64')
}
