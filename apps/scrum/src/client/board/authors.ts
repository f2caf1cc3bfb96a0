import type { ProjectChannel } from '../lockstep.ts'
import { Keyed } from './keyed.ts'
import { flashOf } from './news.ts'

/** Operations that change a text, and which one. */
const texts = [
  { operation: 'items/backlog_item_user_story', collection: 'items', field: 'user_story' },
  { operation: 'items/backlog_item_description', collection: 'items', field: 'description' },
  { operation: 'tasks/task_summary', collection: 'tasks', field: 'summary' },
  { operation: 'tags/update', collection: 'tags', field: 'name' },
  { operation: 'impediments/impediment_summary', collection: 'impediments', field: 'summary' },
  { operation: 'impediments/impediment_description', collection: 'impediments', field: 'description' },
] as const

/** Who last changed a text, and to what; keys are those of drafts. */
export class Authors extends Keyed<{ readonly name: string; readonly text: string }> {
  watch(project: ProjectChannel): () => void {
    const stops = texts.map(({ operation, collection, field }) =>
      project.on(operation, (envelope) => {
        const { id, name } = flashOf(envelope)
        if (id === undefined || name === undefined) return
        // The rows of the operation's own commit are there by now.
        const row: object | undefined = project.collection(collection).get(id)
        const text: unknown = row && Object.entries(row).find(([column]) => column === field)?.[1]
        if (typeof text === 'string') this.set(`${collection}/${id}/${field}`, { name, text })
      }),
    )
    return () => {
      for (const stop of stops) stop()
    }
  }
}
