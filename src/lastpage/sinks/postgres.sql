-- What the PostgreSQL destination asks of its database. {schema} is the schema, {table} a table of
-- it; {columns} follow from the selection. `$name` is a value. One statement a name.

-- name: lock
select pg_try_advisory_lock(hashtextextended('lastpage ' || $schema, 0)) as is_ours;

-- name: as_of_now
set transaction isolation level repeatable read, read only;

-- A waiting change of a table makes all who come later wait, readers as well.
-- name: wait_shortly
set local lock_timeout = '5s';

-- name: relations
select c.relname as name, c.relkind::text as kind, c.oid::bigint as oid
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $schema and c.relkind in ('r', 'p', 'v', 'm', 'f');

-- name: has_schema
select count(*) as schemas from pg_catalog.pg_namespace where nspname = $schema;

-- name: columns
select c.relname as table, a.attname as column,
  pg_catalog.format_type(a.atttypid, a.atttypmod) as type
from pg_catalog.pg_attribute a
join pg_catalog.pg_class c on c.oid = a.attrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = $schema and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped;

-- name: views
select c.relname as view, array_agg(a.attname::text order by a.attnum) as columns
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid
where n.nspname = $schema and c.relkind = 'v' and a.attnum > 0 group by c.relname;

-- name: create_schema
create schema {schema};

-- name: create_meta
create table {schema}.lastpage_meta (
  version integer not null, organization text not null, filters text not null,
  selection text not null, key text not null
);

-- name: create_ranges
create table {schema}.lastpage_ranges (
  day date not null, start timestamptz not null, stop timestamptz not null,
  as_of timestamptz not null, route text not null, coverage text not null,
  finality text not null, conversations bigint not null, open bigint,
  primary key (day, start)
);

-- name: create_tables
create table {schema}.lastpage_tables (
  day date not null, name text not null, rows bigint not null, primary key (day, name)
);

-- name: create_table
create table {table} ({columns});

-- name: add_columns
alter table {table} {columns};

-- name: insert_meta
insert into {schema}.lastpage_meta values ($version, $organization, $filters, $selection, $key);

-- name: meta
select * from {schema}.lastpage_meta;

-- name: ranges
select * from {schema}.lastpage_ranges order by day, start;

-- name: ranges_of_day
select * from {schema}.lastpage_ranges where day = $day order by start;

-- name: delete_ranges
delete from {schema}.lastpage_ranges where day = $day;

-- name: insert_range
insert into {schema}.lastpage_ranges
values ($day, $start, $stop, $as_of, $route, $coverage, $finality, $conversations, $open::bigint);

-- name: tables
select * from {schema}.lastpage_tables;

-- name: tables_of_day
select * from {schema}.lastpage_tables where day = $day;

-- name: delete_tables
delete from {schema}.lastpage_tables where day = $day;

-- name: insert_tables
insert into {schema}.lastpage_tables
select $day, name, rows::bigint from unnest($names, $rows) as counted(name, rows);

-- name: count_days
select day, count(*) as rows from {table} where day >= $day group by day;

-- name: days_there
select day from unnest($days::date[]) as held(day)
where exists (select 1 from {table} as found where found.day = held.day);

-- name: count
select $name as name, count(*) as rows from {table} where day = $day

-- name: delete_day
with gone as (delete from {table} where day = $day returning 1)
select count(*) as rows from gone;

-- name: read_list
select id, name from {table};

-- name: empty
delete from {table};

-- name: open_cursor
declare {columns} no scroll cursor with hold for
select {selected} from {table} where day = date '{day}';

-- name: fetch_cursor
fetch 20000 from {columns};

-- name: close_cursor
close {columns};

-- What a writer keeps for itself while it is connected. Nothing clears what is deleted of such a
-- table, so it is truncated.
-- name: create_leaving
create temporary table if not exists lastpage_leaving (conversation_id text);

-- name: create_arrived_broken
create temporary table if not exists lastpage_arrived_broken (like {schema}.broken including defaults);

-- name: forget_leaving
truncate pg_temp.lastpage_leaving;

-- name: forget_arrived_broken
truncate pg_temp.lastpage_arrived_broken;

-- Conversations of the day that make room: those that started in a part that is written, and are
-- not named as staying.
-- name: leaving
with found as (
  insert into pg_temp.lastpage_leaving
  select conversation_id from {schema}.conversations
  where day = $day and exists (
    select 1 from unnest($starts::timestamptz[], $stops::timestamptz[]) as part(start, stop)
    where conversation_start >= start and conversation_start < stop
  ) and conversation_id not in (select unnest($staying))
  returning 1
) select count(*) as rows from found;

-- Conversations of the day that started in another part, and make room for what comes of them.
-- name: moved
with found as (
  insert into pg_temp.lastpage_leaving
  select conversation_id from {schema}.conversations
  where day = $day and not exists (
    select 1 from unnest($starts::timestamptz[], $stops::timestamptz[]) as part(start, stop)
    where conversation_start >= start and conversation_start < stop
  ) and conversation_id in (select unnest($came))
    and conversation_id not in (select unnest($staying))
  returning 1
) select count(*) as rows from found;

-- name: delete_leaving
with gone as (
  delete from {table}
  where day = $day and conversation_id in (
    select conversation_id from pg_temp.lastpage_leaving
  )
  returning 1
) select count(*) as rows from gone;

-- name: delete_broken
with gone as (
  delete from {schema}.broken
  where day = $day and case when conversation_start is null
    then record in (
      select record from pg_temp.lastpage_arrived_broken where conversation_start is null
    )
    else conversation_id not in (select unnest($staying)) and (
      conversation_id in (select unnest($came)) or exists (
        select 1 from unnest($starts::timestamptz[], $stops::timestamptz[]) as part(start, stop)
        where conversation_start >= start and conversation_start < stop
      )
    )
  end
  returning 1
) select count(*) as rows from gone;

-- name: insert_broken
insert into {schema}.broken ({columns})
select {columns} from pg_temp.lastpage_arrived_broken;

-- name: conversations_between
select count(*) as rows from {schema}.conversations
where day = $day and conversation_start >= $start and conversation_start < $stop;

-- name: open_between
select count(*) as rows from {schema}.conversations
where day = $day and conversation_start >= $start and conversation_start < $stop
  and conversation_end is null;

-- The views name queues, so their list is there; without names it is empty.
-- name: create_queues
create table if not exists {schema}.queues (id text, name text);

-- {columns} is the view's query (`tables/counting.py`).
-- name: create_view
create or replace view {table} as {columns};
