-- Sprints, who does what and how much of it is left, impediments, comments.

create table sprints (
  id integer generated always as identity primary key,
  project_id integer not null references projects (id) on delete cascade,
  name text not null check (length(name) between 1 and 120),
  goal text not null default '' check (length(goal) <= 500),
  from_date date not null,
  to_date date not null,
  created_at timestamptz not null default now(),
  check (to_date between from_date and from_date + 92),
  unique (id, project_id)
);
create index sprints_project on sprints (project_id);

-- An item stands in the backlog or in one sprint. Ranks are of one space, so that it can go over with its rank.
alter table items add column sprint_id integer;
alter table items add foreign key (sprint_id, project_id) references sprints (id, project_id);
create index items_sprint on items (sprint_id) where sprint_id is not null;

-- Whoever deletes a sprint: its items go back to the backlog.
create function empty_sprint() returns trigger language plpgsql as $$
begin
  update items set sprint_id = null where sprint_id = old.id;
  return old;
end $$;
create trigger sprints_emptied before delete on sprints for each row execute function empty_sprint();

alter table tasks add column hours_left double precision check (hours_left >= 0 and hours_left <= 1000);
alter table tasks add column user_id integer references users (id) on delete set null;
create index tasks_user on tasks (user_id);
update tasks set hours_left = 0 where done;

-- A task is done when nothing is left of it: whichever of the two is written, the other follows.
create function settle_task() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.done := new.done or new.hours_left is not distinct from 0;
  elsif new.hours_left is distinct from old.hours_left then
    new.done := new.hours_left is not distinct from 0;
  elsif old.done and not new.done then
    new.hours_left := null;
  end if;
  if new.done then new.hours_left := 0; end if;
  return new;
end $$;
create trigger tasks_settled before insert or update of done, hours_left on tasks
  for each row execute function settle_task();

-- How a sprint stood at the end of each day on which something changed; charts are drawn from it.
create table sprint_days (
  sprint_id integer not null references sprints (id) on delete cascade,
  project_id integer not null references projects (id) on delete cascade,
  day date not null,
  hours_left double precision not null,
  points double precision not null,
  points_done double precision not null,
  items integer not null,
  items_done integer not null,
  primary key (sprint_id, day)
);
create index sprint_days_project on sprint_days (project_id);

create function note_sprint_days(touched integer[]) returns void language plpgsql as $$
begin
  -- One writer after the other: each sums what those before it have committed.
  perform 1 from sprints where id = any(touched) order by id for no key update;
  insert into sprint_days as noted (sprint_id, project_id, day, hours_left, points, points_done, items, items_done)
  select s.id, s.project_id, (now() at time zone 'utc')::date,
    coalesce(sum(i.hours_left), 0), coalesce(sum(i.estimate), 0),
    coalesce(sum(i.estimate) filter (where i.done), 0),
    count(i.id), count(i.id) filter (where i.done)
  from sprints s
  left join (
    select items.id, items.sprint_id, coalesce(items.estimate, 0) as estimate,
      coalesce(sum(tasks.hours_left), 0) as hours_left,
      coalesce(bool_and(tasks.done), false) as done
    from items left join tasks on tasks.item_id = items.id
    where items.sprint_id = any(touched)
    group by items.id
  ) i on i.sprint_id = s.id
  where s.id = any(touched)
  group by s.id
  on conflict (sprint_id, day) do update set
    hours_left = excluded.hours_left, points = excluded.points, points_done = excluded.points_done,
    items = excluded.items, items_done = excluded.items_done
  where (noted.hours_left, noted.points, noted.points_done, noted.items, noted.items_done)
    is distinct from
    (excluded.hours_left, excluded.points, excluded.points_done, excluded.items, excluded.items_done);
end $$;

create function note_new_sprints() returns trigger language plpgsql as $$
begin
  perform note_sprint_days(array(select id from added));
  return null;
end $$;
create trigger sprints_noted after insert on sprints
  referencing new table as added for each statement execute function note_new_sprints();

create function note_added_items() returns trigger language plpgsql as $$
declare touched integer[] := array(select distinct sprint_id from added where sprint_id is not null);
begin
  if touched <> '{}' then perform note_sprint_days(touched); end if;
  return null;
end $$;
create trigger items_added_noted after insert on items
  referencing new table as added for each statement execute function note_added_items();

create function note_removed_items() returns trigger language plpgsql as $$
declare touched integer[] := array(select distinct sprint_id from removed where sprint_id is not null);
begin
  if touched <> '{}' then perform note_sprint_days(touched); end if;
  return null;
end $$;
create trigger items_removed_noted after delete on items
  referencing old table as removed for each statement execute function note_removed_items();

create function note_changed_items() returns trigger language plpgsql as $$
declare touched integer[] := array(
  select distinct unnest(array[b.sprint_id, a.sprint_id])
  from before_rows b join after_rows a using (id)
  where (b.sprint_id, b.estimate) is distinct from (a.sprint_id, a.estimate));
begin
  touched := array_remove(touched, null);
  if touched <> '{}' then perform note_sprint_days(touched); end if;
  return null;
end $$;
create trigger items_changed_noted after update on items
  referencing old table as before_rows new table as after_rows
  for each statement execute function note_changed_items();

create function note_tasks() returns trigger language plpgsql as $$
declare touched integer[] := array(
  select distinct sprint_id from items
  where id in (select item_id from tasks_touched) and sprint_id is not null);
begin
  if touched <> '{}' then perform note_sprint_days(touched); end if;
  return null;
end $$;
create trigger tasks_added_noted after insert on tasks
  referencing new table as tasks_touched for each statement execute function note_tasks();
create trigger tasks_changed_noted after update on tasks
  referencing new table as tasks_touched for each statement execute function note_tasks();
create trigger tasks_removed_noted after delete on tasks
  referencing old table as tasks_touched for each statement execute function note_tasks();

create table impediments (
  id integer generated always as identity primary key,
  project_id integer not null references projects (id) on delete cascade,
  summary text not null check (length(summary) between 1 and 300),
  description text not null default '' check (length(description) <= 20000),
  open boolean not null default true,
  created_at timestamptz not null default now(),
  unique (id, project_id)
);
create index impediments_project on impediments (project_id);

-- On an item or on an impediment.
create table comments (
  id integer generated always as identity primary key,
  project_id integer not null references projects (id) on delete cascade,
  item_id integer,
  impediment_id integer,
  user_id integer references users (id) on delete set null,
  text text not null check (length(text) between 1 and 5000),
  created_at timestamptz not null default now(),
  check (num_nonnulls(item_id, impediment_id) = 1),
  foreign key (item_id, project_id) references items (id, project_id) on delete cascade on update cascade,
  foreign key (impediment_id, project_id) references impediments (id, project_id) on delete cascade
);
create index comments_project on comments (project_id);
create index comments_item on comments (item_id);
create index comments_impediment on comments (impediment_id);

-- The counts of a project are of its backlog: what stands in a sprint is on that sprint's page.
create or replace function add_project_counts() returns trigger language plpgsql as $$
begin
  update project_counts c
  set items = c.items + d.items, points = c.points + d.points, unestimated = c.unestimated + d.unestimated
  from (
    select project_id, count(*)::integer as items, coalesce(sum(estimate), 0) as points,
      (count(*) filter (where estimate is null))::integer as unestimated
    from added where sprint_id is null group by project_id
  ) d
  where c.project_id = d.project_id;
  return null;
end $$;

create or replace function remove_project_counts() returns trigger language plpgsql as $$
begin
  update project_counts c
  set items = c.items - d.items, points = c.points - d.points, unestimated = c.unestimated - d.unestimated
  from (
    select project_id, count(*)::integer as items, coalesce(sum(estimate), 0) as points,
      (count(*) filter (where estimate is null))::integer as unestimated
    from removed where sprint_id is null group by project_id
  ) d
  where c.project_id = d.project_id;
  return null;
end $$;

create or replace function change_project_counts() returns trigger language plpgsql as $$
begin
  update project_counts c
  set items = c.items + d.items, points = c.points + d.points, unestimated = c.unestimated + d.unestimated
  from (
    select project_id, sum(items)::integer as items, sum(points) as points, sum(unestimated)::integer as unestimated
    from (
      select project_id, 1 as items, coalesce(estimate, 0) as points, (estimate is null)::integer as unestimated
      from after_rows where sprint_id is null
      union all
      select project_id, -1, -coalesce(estimate, 0), -(estimate is null)::integer
      from before_rows where sprint_id is null
    ) both_sides
    group by project_id
  ) d
  where c.project_id = d.project_id and (d.items <> 0 or d.points <> 0 or d.unestimated <> 0);
  return null;
end $$;
