import type { RowTexts } from './row-texts.ts'

/** Rows in the order in which they were added, as runs of rows that lie side by side. */
export class RowRuns {
  /** First and last row of the newest run: of most commits the only one. */
  #first = -1
  #last = -1
  /** First and last row of each run before it. */
  #former: number[] | undefined

  add(rows: RowTexts, row: number): void {
    if (this.#first === -1) this.#first = row
    else if (!rows.follows(row, this.#last)) {
      this.#former ??= []
      this.#former.push(this.#first, this.#last)
      this.#first = row
    }
    this.#last = row
  }

  /** The bytes of each run, with the commas between its rows. */
  forEachPiece(rows: RowTexts, visit: (piece: Buffer) => void): void {
    this.#forEachRun((first, last) => visit(rows.piece(first, last)))
  }

  forEach(rows: RowTexts, visit: (row: number) => void): void {
    this.#forEachRun((first, last) => {
      // Between two rows that lie side by side there can be numbers of empty ones.
      for (let row = first; row <= last; row++) if (!rows.isEmpty(row)) visit(row)
    })
  }

  #forEachRun(visit: (first: number, last: number) => void): void {
    const former = this.#former ?? []
    for (let i = 0; i < former.length; i += 2) visit(former[i] ?? 0, former[i + 1] ?? 0)
    if (this.#first !== -1) visit(this.#first, this.#last)
  }
}
