/** A clock that goes on from where it was when the wall clock is set back, so that nothing waits for it. */
export class Steady {
  #behindMs = 0
  #last = Number.NEGATIVE_INFINITY

  /** @param wall ms since 1970. Returns the same, and the ms by which it was ever set back. */
  at(wall: number): number {
    if (wall + this.#behindMs < this.#last) this.#behindMs = this.#last - wall
    this.#last = wall + this.#behindMs
    return this.#last
  }

  /** A timer says that it is at least `at`, whatever the wall clock says. */
  reach(at: number): void {
    this.#last = Math.max(this.#last, at)
  }
}
