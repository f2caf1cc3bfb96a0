-- What hung on a deleted item or impediment, for as long as its deletion can be taken back.

create table deleted_comments (
  project_id integer not null references projects (id) on delete cascade,
  item_id integer,
  impediment_id integer,
  user_id integer references users (id) on delete set null,
  text text not null,
  created_at timestamptz not null,
  deleted_at timestamptz not null default now()
);
create index deleted_comments_time on deleted_comments (deleted_at);

create table deleted_attachments (
  project_id integer not null references projects (id) on delete cascade,
  item_id integer not null,
  user_id integer references users (id) on delete set null,
  name text not null,
  size integer not null,
  created_at timestamptz not null,
  content bytea not null,
  deleted_at timestamptz not null default now()
);
create index deleted_attachments_time on deleted_attachments (deleted_at);
