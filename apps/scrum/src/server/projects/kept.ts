import { sql } from 'drizzle-orm'
import type { Writing } from './writing.ts'

/** How long what was deleted can be brought back. */
const keptHours = 24

/** Keeps what hangs on an item that is about to be deleted, and drops what was kept long enough. */
export async function keepOfItem({ db, projectId }: Writing, itemId: number): Promise<void> {
  await drop(db)
  await db.execute(sql`
    insert into deleted_comments (project_id, item_id, user_id, text, created_at)
    select project_id, item_id, user_id, text, created_at from comments
    where item_id = ${itemId} and project_id = ${projectId}`)
  await db.execute(sql`
    insert into deleted_attachments (project_id, item_id, user_id, name, size, created_at, content)
    select a.project_id, a.item_id, a.user_id, a.name, a.size, a.created_at, c.content
    from attachments a join attachment_contents c on c.attachment_id = a.id
    where a.item_id = ${itemId} and a.project_id = ${projectId}`)
}

/** Keeps an attachment that is about to be deleted by itself. */
export async function keepAttachment({ db, projectId }: Writing, id: number): Promise<void> {
  await drop(db)
  await db.execute(sql`
    insert into deleted_attachments
      (project_id, item_id, attachment_id, user_id, name, size, created_at, content)
    select a.project_id, a.item_id, a.id, a.user_id, a.name, a.size, a.created_at, c.content
    from attachments a join attachment_contents c on c.attachment_id = a.id
    where a.id = ${id} and a.project_id = ${projectId}`)
}

/** As `keepOfItem`. */
export async function keepOfImpediment({ db, projectId }: Writing, impedimentId: number): Promise<void> {
  await drop(db)
  await db.execute(sql`
    insert into deleted_comments (project_id, impediment_id, user_id, text, created_at)
    select project_id, impediment_id, user_id, text, created_at from comments
    where impediment_id = ${impedimentId} and project_id = ${projectId}`)
}

/** Gives an item that is made anew what hung on the deleted one; once. */
export async function bringBackToItem(
  { db, projectId }: Writing,
  deletedId: number,
  itemId: number,
): Promise<void> {
  await db.execute(sql`
    with kept as (
      delete from deleted_comments where item_id = ${deletedId} and project_id = ${projectId} returning *
    )
    insert into comments (project_id, item_id, user_id, text, created_at)
    select project_id, ${itemId}, user_id, text, created_at from kept order by created_at`)
  // Ids are drawn first, so that name and content find each other without passing through here.
  await db.execute(sql`
    with kept as (
      delete from deleted_attachments
      where item_id = ${deletedId} and attachment_id is null and project_id = ${projectId} returning *
    ), numbered as (
      select kept.*, nextval(pg_get_serial_sequence('attachments', 'id'))::integer as id from kept
    ), made as (
      insert into attachments (id, project_id, item_id, user_id, name, size, created_at)
      overriding system value
      select id, project_id, ${itemId}, user_id, name, size, created_at from numbered returning id
    )
    insert into attachment_contents (attachment_id, content)
    select numbered.id, numbered.content from numbered join made using (id)`)
}

/** Gives the item a deleted attachment back, under a new number; once. Undefined: it is not kept, or its item is gone. */
export async function bringBackAttachment(
  { db, projectId }: Writing,
  deletedId: number,
): Promise<number | undefined> {
  const [made] = await db.execute<{ id: number }>(sql`
    with item as (
      select id from items where project_id = ${projectId} and id = (
        select item_id from deleted_attachments where attachment_id = ${deletedId} and project_id = ${projectId}
      ) for key share
    ), kept as (
      delete from deleted_attachments using item
      where attachment_id = ${deletedId} and project_id = ${projectId} and item_id = item.id
      returning item_id, user_id, name, size, created_at, content,
        nextval(pg_get_serial_sequence('attachments', 'id'))::integer as id
    ), made as (
      insert into attachments (id, project_id, item_id, user_id, name, size, created_at)
      overriding system value
      select id, ${projectId}, item_id, user_id, name, size, created_at from kept returning id
    )
    insert into attachment_contents (attachment_id, content)
    select kept.id, kept.content from kept join made using (id) returning attachment_id as id`)
  return made?.id
}

/** As `bringBackToItem`. */
export async function bringBackToImpediment(
  { db, projectId }: Writing,
  deletedId: number,
  impedimentId: number,
): Promise<void> {
  await db.execute(sql`
    with kept as (
      delete from deleted_comments where impediment_id = ${deletedId} and project_id = ${projectId} returning *
    )
    insert into comments (project_id, impediment_id, user_id, text, created_at)
    select project_id, ${impedimentId}, user_id, text, created_at from kept order by created_at`)
}

async function drop(db: Writing['db']): Promise<void> {
  await db.execute(sql`
    with old as (delete from deleted_comments where deleted_at < now() - make_interval(hours => ${keptHours}))
    delete from deleted_attachments where deleted_at < now() - make_interval(hours => ${keptHours})`)
}
