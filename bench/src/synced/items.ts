import { collection, defineSync, type SyncDefinition } from '@lockstep/server'
import type { Sql } from 'postgres'

/** A row as clients see it; bigint columns come as text. */
export interface Item {
  readonly id: number
  readonly title: string
}

/** Items of projects, channel `project/<id>`. */
export const itemsSync: SyncDefinition = defineSync({
  channels: { 'project/:projectId': { authorize: () => true } },
  collections: {
    items: collection<Item>({ table: 'items', channel: 'project/:project_id', columns: ['id', 'title'] }),
  },
})

export async function createItems(sql: Sql): Promise<void> {
  await sql.unsafe(`
    CREATE TABLE items (id integer PRIMARY KEY, project_id integer NOT NULL, title text NOT NULL);
    ALTER TABLE items REPLICA IDENTITY FULL`)
}
