import type { ProjectChannel } from '../lockstep.ts'

/** What a row, `items/17`, is called where it is spoken of. */
export function rowName(project: ProjectChannel, resource: string): string {
  const [collection, key = ''] = resource.split('/')
  switch (collection) {
    case 'items':
      return project.items.get(key)?.user_story ?? 'an item'
    case 'tasks':
      return project.tasks.get(key)?.summary ?? 'a task'
    case 'impediments':
      return project.impediments.get(key)?.summary ?? 'an impediment'
    default:
      return project.tags.get(key)?.name ?? 'a tag'
  }
}
