import type { Changes } from '@lockstep/client'
import type { ProjectChannel } from '../lockstep.ts'
import { Keyed } from './keyed.ts'

/** How long a changed row stays lit; the animation in item.css takes as long. */
const litMs = 2600

/** Rows that others changed a moment ago: a number that rises with every change, undefined when it has faded. */
export class Highlights extends Keyed<number> {
  #count = 0
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>()

  light(key: string): void {
    clearTimeout(this.#timers.get(key))
    this.set(key, ++this.#count)
    this.#timers.set(
      key,
      setTimeout(() => {
        this.#timers.delete(key)
        this.set(key, undefined)
      }, litMs),
    )
  }

  /** Lights what others change in the project. */
  watch({ items, tasks, impediments, comments, markers }: ProjectChannel): () => void {
    const ofOthers = ({ origin }: Changes): boolean => origin === 'remote' || origin === 'reset'
    const stops = [items, impediments, comments, markers].map((rows) =>
      rows.subscribe((changes) => {
        if (!ofOthers(changes)) return
        for (const key of [...changes.created, ...changes.updated]) this.light(`${rows.name}/${key}`)
      }),
    )
    const stopTasks = tasks.subscribe((changes) => {
      if (!ofOthers(changes)) return
      for (const key of [...changes.created, ...changes.updated]) {
        this.light(taskKey(key))
        const task = tasks.get(key)
        if (task !== undefined) this.light(progressKey(task.item_id))
      }
    })
    return () => {
      for (const stop of stops) stop()
      stopTasks()
      for (const timer of this.#timers.values()) clearTimeout(timer)
      this.#timers.clear()
    }
  }
}

export const itemKey = (id: number | string): string => `items/${id}`
export const impedimentKey = (id: number | string): string => `impediments/${id}`
export const markerKey = (id: number | string): string => `markers/${id}`
export const taskKey = (id: number | string): string => `tasks/${id}`
/** The figure that tells how many of an item's tasks are done. */
export const progressKey = (itemId: number | string): string => `progress/${itemId}`

/** Two names for one animation, so that a second change starts it anew. */
export function litClass(lit: number | undefined): string {
  if (lit === undefined) return ''
  return lit % 2 === 0 ? ' lit lit-even' : ' lit lit-odd'
}
