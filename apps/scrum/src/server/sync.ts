import { collection, defineSync } from '@lockstep/server'
import type { Item, Member, Project, ProjectCounts, Task } from '../model/board.ts'
import type { Database } from './database/connection.ts'
import { isMember } from './projects/membership.ts'

/** What pages may see of the database: only the columns named here leave the server. */
export function boardSync(db: Database) {
  const member = ({
    user,
    params,
  }: {
    user: { id: string | number }
    params: Readonly<Record<string, string>>
  }) =>
    /^[1-9]\d{0,8}$/.test(params.projectId ?? '') && isMember(db, Number(user.id), Number(params.projectId))

  return defineSync({
    channels: {
      // All rows of one project, for the pages inside it.
      'project/:projectId': { authorize: member },
      // What the list of projects shows of each.
      'summary/:projectId': { authorize: member },
      // Which projects somebody is in.
      'user/:userId': { authorize: ({ user, params }) => String(user.id) === params.userId },
    },
    collections: {
      projects: collection<Project>({
        table: 'projects',
        channel: ['project/:id', 'summary/:id'],
        columns: ['id', 'name'],
      }),
      members: collection<Member>({
        table: 'memberships',
        key: ['project_id', 'user_id'],
        channel: ['project/:project_id', 'summary/:project_id', 'user/:user_id'],
        columns: ['project_id', 'user_id', 'name', 'hue'],
      }),
      counts: collection<ProjectCounts>({
        table: 'project_counts',
        key: 'project_id',
        channel: 'summary/:project_id',
        columns: ['project_id', 'items', 'points', 'unestimated'],
      }),
      items: collection<Item>({
        table: 'items',
        channel: 'project/:project_id',
        columns: ['id', 'project_id', 'user_story', 'description', 'estimate', 'position'],
      }),
      tasks: collection<Task>({
        table: 'tasks',
        channel: 'project/:project_id',
        columns: ['id', 'item_id', 'project_id', 'summary', 'done', 'position'],
      }),
    },
  })
}

export type BoardSync = ReturnType<typeof boardSync>
