/** What waits for a client, and what was sent and is not acknowledged; bounded by whoever fills it. */
export class Queue {
  #waiting: string[] = []
  #sent: { readonly batch: number; readonly texts: readonly string[] }[] = []
  #batch = 0
  /** Bytes of JSON, roughly: its characters. */
  bytes = 0
  /** Messages. */
  size = 0

  push(texts: readonly string[]): void {
    for (const text of texts) {
      this.#waiting.push(text)
      this.bytes += text.length
      this.size++
    }
  }

  /** All that waits, for good. */
  take(): readonly string[] {
    const texts = this.#waiting
    this.#waiting = []
    this.#forget(texts)
    return texts
  }

  /** Number of the newest batch. */
  get batch(): number {
    return this.#batch
  }

  /** Whether something waits that was not sent yet. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** All that waits, kept until it is acknowledged. */
  takeBatch(): readonly string[] {
    const texts = this.#waiting
    this.#waiting = []
    this.#batch++
    if (texts.length > 0) this.#sent.push({ batch: this.#batch, texts })
    return texts
  }

  /** Up to `batch` all has arrived; what was sent later has not, and waits again. */
  acknowledge(batch: number): void {
    const again: string[] = []
    for (const sent of this.#sent) {
      if (sent.batch <= batch) this.#forget(sent.texts)
      else again.push(...sent.texts)
    }
    this.#sent = []
    if (again.length > 0) this.#waiting = [...again, ...this.#waiting]
  }

  #forget(texts: readonly string[]): void {
    for (const text of texts) this.bytes -= text.length
    this.size -= texts.length
  }
}
