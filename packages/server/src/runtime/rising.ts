/** Numbers that nobody else gives out: from `from` up to, and without, `to`. */
export interface Block {
  readonly from: number
  readonly to: number
}

/**
 * Numbers that rise: each is at least the time in ms, and above all before it. Over restarts they rise as long as the
 * clock does, or, where blocks of them are reserved, whatever the clock does. Where they run out of their block, because
 * none could be had in time, they go on without.
 */
export class Rising {
  #last = 0
  #end = Number.POSITIVE_INFINITY
  #further: Block | undefined

  /** @param now ms since 1970 */
  next(now: number): number {
    let next = Math.max(this.#last + 1, now)
    if (next >= this.#end && this.#further !== undefined) {
      next = Math.max(next, this.#further.from)
      this.#end = this.#further.to
      this.#further = undefined
    }
    this.#last = next
    return next
  }

  /** What is given out from now on is above `number`. */
  exceed(number: number): void {
    this.#last = Math.max(this.#last, number)
  }

  /** A block that was reserved: the first, or one for when those before are used up. */
  reserved(block: Block): void {
    if (this.#end === Number.POSITIVE_INFINITY) {
      this.exceed(block.from - 1)
      this.#end = block.to
    } else if (this.#further?.to === block.from) this.#further = { from: this.#further.from, to: block.to }
    else if (this.#end === block.from) this.#end = block.to
    else this.#further = block
  }

  /** How many numbers are left of what is reserved, at a time. */
  left(now: number): number {
    const next = Math.max(this.#last + 1, now)
    return Math.max(0, (this.#further?.to ?? this.#end) - next)
  }
}
