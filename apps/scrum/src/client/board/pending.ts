import { Keyed } from './keyed.ts'

/** Rows with own writes on their way: how many. */
export class Pending extends Keyed<number> {
  /** Counts the write until it has ended, and gives it back. */
  async during<T>(key: string, write: Promise<T>): Promise<T> {
    this.set(key, (this.get(key) ?? 0) + 1)
    try {
      return await write
    } finally {
      this.set(key, (this.get(key) ?? 1) - 1 || undefined)
    }
  }

  /** Resolves when there is none, and not before what is done in this moment has begun. */
  async none(key: string): Promise<void> {
    await Promise.resolve()
    while (this.get(key) !== undefined) {
      await new Promise<void>((resolve) => {
        const stop = this.subscribe(key, () => {
          stop()
          resolve()
        })
      })
    }
  }
}

/** Whether a row is so new that the server has not named it yet. */
export function isUnnamed(id: number | string): boolean {
  return String(id).startsWith('tmp:')
}
