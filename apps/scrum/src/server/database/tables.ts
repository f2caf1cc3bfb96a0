import {
  boolean,
  customType,
  date,
  doublePrecision,
  foreignKey,
  integer,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
} from 'drizzle-orm/pg-core'

// The tables of migrations/, for typed queries. The SQL files are what makes them.

const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => 'bytea' })

export const users = pgTable('users', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  email: text().notNull(),
  name: text().notNull(),
  passwordHash: text('password_hash').notNull(),
  hue: smallint().notNull().default(0),
})

export const sessions = pgTable('sessions', {
  tokenHash: bytea('token_hash').primaryKey(),
  userId: integer('user_id').notNull(),
  expiresAt: timestamp('expires_at', { withTimezone: true, mode: 'string' }).notNull(),
})

export const projects = pgTable('projects', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  name: text().notNull(),
})

export const memberships = pgTable(
  'memberships',
  {
    project_id: integer().notNull(),
    user_id: integer().notNull(),
    name: text().notNull(),
    hue: smallint().notNull(),
  },
  (table) => [primaryKey({ columns: [table.project_id, table.user_id] })],
)

export const items = pgTable(
  'items',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    project_id: integer().notNull(),
    user_story: text().notNull(),
    description: text().notNull().default(''),
    estimate: doublePrecision(),
    position: text().notNull(),
    sprint_id: integer(),
  },
  (table) => [unique().on(table.id, table.project_id), unique().on(table.project_id, table.position)],
)

export const tasks = pgTable(
  'tasks',
  {
    id: integer().primaryKey().generatedAlwaysAsIdentity(),
    item_id: integer().notNull(),
    project_id: integer().notNull(),
    summary: text().notNull(),
    done: boolean().notNull().default(false),
    hours_left: doublePrecision(),
    user_id: integer(),
    position: text().notNull(),
  },
  (table) => [
    foreignKey({ columns: [table.item_id, table.project_id], foreignColumns: [items.id, items.project_id] }),
    unique().on(table.item_id, table.position),
  ],
)

export const sprints = pgTable('sprints', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  project_id: integer().notNull(),
  name: text().notNull(),
  goal: text().notNull().default(''),
  from_date: date({ mode: 'string' }).notNull(),
  to_date: date({ mode: 'string' }).notNull(),
})

export const impediments = pgTable('impediments', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  project_id: integer().notNull(),
  summary: text().notNull(),
  description: text().notNull().default(''),
  open: boolean().notNull().default(true),
  created_at: timestamp({ withTimezone: true, mode: 'string' }).notNull().defaultNow(),
})

export const comments = pgTable('comments', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  project_id: integer().notNull(),
  item_id: integer(),
  impediment_id: integer(),
  user_id: integer(),
  text: text().notNull(),
  created_at: timestamp({ withTimezone: true, mode: 'string' }).notNull().defaultNow(),
})

export const tags = pgTable('tags', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  project_id: integer().notNull(),
  name: text().notNull(),
})

export const itemTags = pgTable('item_tags', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  project_id: integer().notNull(),
  item_id: integer().notNull(),
  tag_id: integer().notNull(),
})

export const attachments = pgTable('attachments', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  project_id: integer().notNull(),
  item_id: integer().notNull(),
  user_id: integer(),
  name: text().notNull(),
  size: integer().notNull(),
  created_at: timestamp({ withTimezone: true, mode: 'string' }).notNull().defaultNow(),
})

export const attachmentContents = pgTable('attachment_contents', {
  attachment_id: integer().primaryKey(),
  content: bytea().notNull(),
})

export const planningMarkers = pgTable('planning_markers', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  project_id: integer().notNull(),
  position: text().notNull(),
})
