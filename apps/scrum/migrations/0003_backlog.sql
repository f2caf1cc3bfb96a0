-- Tags, attachments, and the markers that cut the backlog into future sprints.

create table tags (
  id integer generated always as identity primary key,
  project_id integer not null references projects (id) on delete cascade,
  name text not null check (length(name) between 1 and 40),
  unique (id, project_id)
);
create unique index tags_name on tags (project_id, lower(name));

create table item_tags (
  id integer generated always as identity primary key,
  project_id integer not null references projects (id) on delete cascade,
  item_id integer not null,
  tag_id integer not null,
  foreign key (item_id, project_id) references items (id, project_id) on delete cascade,
  foreign key (tag_id, project_id) references tags (id, project_id) on delete cascade,
  unique (item_id, tag_id)
);
create index item_tags_project on item_tags (project_id);
create index item_tags_tag on item_tags (tag_id);

create table attachments (
  id integer generated always as identity primary key,
  project_id integer not null references projects (id) on delete cascade,
  item_id integer not null,
  user_id integer references users (id) on delete set null,
  name text not null check (length(name) between 1 and 200),
  -- in bytes
  size integer not null check (size between 0 and 1048576),
  created_at timestamptz not null default now(),
  foreign key (item_id, project_id) references items (id, project_id) on delete cascade on update cascade
);
create index attachments_project on attachments (project_id);
create index attachments_item on attachments (item_id);

-- Apart from their names, so that what is in them is not read with every page or told to every client.
create table attachment_contents (
  attachment_id integer primary key references attachments (id) on delete cascade,
  content bytea not null
);

-- A line across the backlog; its rank is of the same space as the items'.
create table planning_markers (
  id integer generated always as identity primary key,
  project_id integer not null references projects (id) on delete cascade,
  position text collate "C" not null check (position ~ '^[0-9A-Za-z]*[1-9A-Za-z]$' and length(position) <= 1000)
);
create index planning_markers_project on planning_markers (project_id, position);
