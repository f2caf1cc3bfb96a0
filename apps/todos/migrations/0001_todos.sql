-- A schema of its own: the names below are everybody's.
create schema todo_app;

create table todo_app.users (
  id integer generated always as identity primary key,
  email text not null,
  name text not null check (length(name) between 1 and 80),
  -- scrypt$<cost>$<salt>$<hash>, see src/server/sign-in/password.ts
  password_hash text not null
);
create unique index users_email on todo_app.users (lower(email));

create table todo_app.sessions (
  -- SHA-256 of the cookie's token: the table alone signs nobody in
  token_hash bytea primary key,
  user_id integer not null references todo_app.users (id) on delete cascade,
  expires_at timestamptz not null
);
create index sessions_expiry on todo_app.sessions (expires_at);

create table todo_app.teams (
  id integer generated always as identity primary key,
  name text not null
);

create table todo_app.members (
  team_id integer not null references todo_app.teams (id) on delete cascade,
  user_id integer not null references todo_app.users (id) on delete cascade,
  primary key (team_id, user_id)
);
create index members_user on todo_app.members (user_id);

create table todo_app.lists (
  id integer generated always as identity primary key,
  team_id integer not null references todo_app.teams (id) on delete cascade,
  name text not null check (length(name) between 1 and 80),
  -- kept by the trigger below, so that any writer keeps them right
  open integer not null default 0,
  total integer not null default 0
);
create unique index lists_name on todo_app.lists (team_id, lower(name));

create table todo_app.todos (
  id integer generated always as identity primary key,
  list_id integer not null references todo_app.lists (id) on delete cascade,
  title text not null check (length(title) between 1 and 200),
  done boolean not null default false,
  created_at timestamptz not null default now()
);
create index todos_list on todo_app.todos (list_id);

-- A change tells which list or team the row was in.
alter table todo_app.lists replica identity full;
alter table todo_app.todos replica identity full;

create function todo_app.count_todos() returns trigger language plpgsql as $$
declare
  list record;
begin
  for list in
    select list_id, sum(open)::integer as open, sum(total)::integer as total
    from (
      select new.list_id, (not new.done)::integer as open, 1 as total where tg_op <> 'DELETE'
      union all
      select old.list_id, -(not old.done)::integer, -1 where tg_op <> 'INSERT'
    ) both_sides
    group by list_id
    having sum(open) <> 0 or sum(total) <> 0
    -- two writers that move todos between the same lists take them in the same order
    order by list_id
  loop
    update todo_app.lists l set open = l.open + list.open, total = l.total + list.total
    where l.id = list.list_id;
  end loop;
  return null;
end $$;
create trigger todos_counted after insert or update of list_id, done or delete on todo_app.todos
  for each row execute function todo_app.count_todos();

create function todo_app.forget_todos() returns trigger language plpgsql as $$
begin
  update todo_app.lists set open = 0, total = 0 where total <> 0;
  return null;
end $$;
create trigger todos_truncated after truncate on todo_app.todos
  for each statement execute function todo_app.forget_todos();
