import { collection, defineSync } from '@lockstep/server'
import type {
  Attachment,
  Comment,
  Impediment,
  Item,
  ItemTag,
  Marker,
  Member,
  Project,
  ProjectCounts,
  Sprint,
  SprintDay,
  Tag,
  Task,
} from '../model/board.ts'
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
      'project/:projectId': { authorize: member, presence: true },
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
        columns: ['id', 'project_id', 'user_story', 'description', 'estimate', 'position', 'sprint_id'],
      }),
      tasks: collection<Task>({
        table: 'tasks',
        channel: 'project/:project_id',
        columns: ['id', 'item_id', 'project_id', 'summary', 'done', 'hours_left', 'user_id', 'position'],
      }),
      sprints: collection<Sprint>({
        table: 'sprints',
        channel: 'project/:project_id',
        columns: ['id', 'project_id', 'name', 'goal', 'from_date', 'to_date'],
      }),
      sprint_days: collection<SprintDay>({
        table: 'sprint_days',
        key: ['sprint_id', 'day'],
        channel: 'project/:project_id',
        columns: [
          'sprint_id',
          'project_id',
          'day',
          'hours_left',
          'points',
          'points_done',
          'items',
          'items_done',
        ],
      }),
      impediments: collection<Impediment>({
        table: 'impediments',
        channel: 'project/:project_id',
        columns: ['id', 'project_id', 'summary', 'description', 'open', 'created_at'],
      }),
      comments: collection<Comment>({
        table: 'comments',
        channel: 'project/:project_id',
        columns: ['id', 'project_id', 'item_id', 'impediment_id', 'user_id', 'text', 'created_at'],
      }),
      tags: collection<Tag>({
        table: 'tags',
        channel: 'project/:project_id',
        columns: ['id', 'project_id', 'name'],
      }),
      item_tags: collection<ItemTag>({
        table: 'item_tags',
        channel: 'project/:project_id',
        columns: ['id', 'project_id', 'item_id', 'tag_id'],
      }),
      attachments: collection<Attachment>({
        table: 'attachments',
        channel: 'project/:project_id',
        columns: ['id', 'project_id', 'item_id', 'user_id', 'name', 'size', 'created_at'],
      }),
      markers: collection<Marker>({
        table: 'planning_markers',
        channel: 'project/:project_id',
        columns: ['id', 'project_id', 'position'],
      }),
    },
  })
}

export type BoardSync = ReturnType<typeof boardSync>
