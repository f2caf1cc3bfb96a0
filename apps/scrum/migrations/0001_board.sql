-- The first tables of the board. Ranks sort by bytes: every `position` is COLLATE "C".

create table users (
  id integer generated always as identity primary key,
  email text not null,
  name text not null check (length(name) between 1 and 80),
  -- scrypt$<cost>$<salt>$<hash>, see src/server/sign-in/password.ts
  password_hash text not null,
  -- which of the eight avatar colours
  hue smallint not null default 0 check (hue between 0 and 7),
  created_at timestamptz not null default now()
);
create unique index users_email on users (lower(email));

create table sessions (
  -- SHA-256 of the cookie's token: the table alone signs nobody in
  token_hash bytea primary key,
  user_id integer not null references users (id) on delete cascade,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index sessions_user on sessions (user_id);
create index sessions_expiry on sessions (expires_at);

create table projects (
  id integer generated always as identity primary key,
  name text not null check (length(name) between 1 and 120),
  created_at timestamptz not null default now()
);

-- Name and hue are copies of the user's, so that a member row can be shown by itself.
create table memberships (
  project_id integer not null references projects (id) on delete cascade,
  user_id integer not null references users (id) on delete cascade,
  name text not null,
  hue smallint not null,
  primary key (project_id, user_id)
);
create index memberships_user on memberships (user_id);

create table items (
  id integer generated always as identity primary key,
  project_id integer not null references projects (id) on delete cascade,
  user_story text not null check (length(user_story) between 1 and 500),
  description text not null default '' check (length(description) <= 20000),
  estimate double precision check (estimate >= 0 and estimate <= 1000),
  position text collate "C" not null check (position ~ '^[0-9A-Za-z]*[1-9A-Za-z]$' and length(position) <= 1000),
  created_at timestamptz not null default now(),
  unique (id, project_id),
  unique (project_id, position)
);

create table tasks (
  id integer generated always as identity primary key,
  item_id integer not null,
  project_id integer not null,
  summary text not null check (length(summary) between 1 and 300),
  done boolean not null default false,
  position text collate "C" not null check (position ~ '^[0-9A-Za-z]*[1-9A-Za-z]$' and length(position) <= 1000),
  created_at timestamptz not null default now(),
  -- both columns: a task cannot stand in another project than its item
  foreign key (item_id, project_id) references items (id, project_id) on delete cascade on update cascade,
  unique (item_id, position)
);
create index tasks_project on tasks (project_id);

-- What the projects page shows of a project, kept by the triggers below, so that any writer keeps it right.
create table project_counts (
  project_id integer primary key references projects (id) on delete cascade,
  items integer not null default 0,
  points double precision not null default 0,
  unestimated integer not null default 0
);

create function start_project_counts() returns trigger language plpgsql as $$
begin
  insert into project_counts (project_id) values (new.id);
  return null;
end $$;
create trigger projects_counts after insert on projects for each row execute function start_project_counts();

create function add_project_counts() returns trigger language plpgsql as $$
begin
  update project_counts c
  set items = c.items + d.items, points = c.points + d.points, unestimated = c.unestimated + d.unestimated
  from (
    select project_id, count(*)::integer as items, coalesce(sum(estimate), 0) as points,
      (count(*) filter (where estimate is null))::integer as unestimated
    from added group by project_id
  ) d
  where c.project_id = d.project_id;
  return null;
end $$;
create trigger items_added after insert on items
  referencing new table as added for each statement execute function add_project_counts();

create function remove_project_counts() returns trigger language plpgsql as $$
begin
  update project_counts c
  set items = c.items - d.items, points = c.points - d.points, unestimated = c.unestimated - d.unestimated
  from (
    select project_id, count(*)::integer as items, coalesce(sum(estimate), 0) as points,
      (count(*) filter (where estimate is null))::integer as unestimated
    from removed group by project_id
  ) d
  where c.project_id = d.project_id;
  return null;
end $$;
create trigger items_removed after delete on items
  referencing old table as removed for each statement execute function remove_project_counts();

create function change_project_counts() returns trigger language plpgsql as $$
begin
  update project_counts c
  set items = c.items + d.items, points = c.points + d.points, unestimated = c.unestimated + d.unestimated
  from (
    select project_id, sum(items)::integer as items, sum(points) as points, sum(unestimated)::integer as unestimated
    from (
      select project_id, 1 as items, coalesce(estimate, 0) as points, (estimate is null)::integer as unestimated from after_rows
      union all
      select project_id, -1, -coalesce(estimate, 0), -(estimate is null)::integer from before_rows
    ) both_sides
    group by project_id
  ) d
  where c.project_id = d.project_id and (d.items <> 0 or d.points <> 0 or d.unestimated <> 0);
  return null;
end $$;
create trigger items_changed after update on items
  referencing old table as before_rows new table as after_rows
  for each statement execute function change_project_counts();

create function truncate_project_counts() returns trigger language plpgsql as $$
begin
  update project_counts set items = 0, points = 0, unestimated = 0;
  return null;
end $$;
create trigger items_truncated after truncate on items
  for each statement execute function truncate_project_counts();

create function copy_user_name() returns trigger language plpgsql as $$
begin
  update memberships set name = new.name, hue = new.hue
  where user_id = new.id and (name, hue) is distinct from (new.name, new.hue);
  return null;
end $$;
create trigger users_renamed after update of name, hue on users for each row execute function copy_user_name();
