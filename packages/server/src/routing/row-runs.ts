import type { RowTexts } from './row-texts.ts'

/** Rows in the order in which they were added, as runs of rows that lie side by side. */
export class RowRuns {
  /** First and last row of each run. */
  readonly #bounds: number[] = []

  add(rows: RowTexts, row: number): void {
    const bounds = this.#bounds
    const last = bounds[bounds.length - 1]
    if (last !== undefined && rows.follows(row, last)) bounds[bounds.length - 1] = row
    else bounds.push(row, row)
  }

  /** The bytes of each run, with the commas between its rows. */
  forEachPiece(rows: RowTexts, visit: (piece: Buffer) => void): void {
    const bounds = this.#bounds
    for (let i = 0; i < bounds.length; i += 2) visit(rows.piece(bounds[i] ?? 0, bounds[i + 1] ?? 0))
  }

  forEach(rows: RowTexts, visit: (row: number) => void): void {
    const bounds = this.#bounds
    for (let i = 0; i < bounds.length; i += 2) {
      const last = bounds[i + 1] ?? 0
      // Between two rows that lie side by side there can be numbers of empty ones.
      for (let row = bounds[i] ?? 0; row <= last; row++) if (!rows.isEmpty(row)) visit(row)
    }
  }
}
