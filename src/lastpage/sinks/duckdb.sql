-- What the DuckDB destination asks of its database, which is attached as `target`. Tables and
-- columns follow from the selection, and stand for {table} and {columns}. `parts`, `staying`,
-- `came`, `arriving`, `counted` and `list` are Arrow tables that a statement is given to read.

-- name: create_own_tables
create table target.lastpage_meta (
  version integer not null, organization varchar not null, filters varchar not null,
  selection varchar not null, key varchar not null
);
create table target.lastpage_ranges (
  day date not null, start timestamptz not null, stop timestamptz not null,
  as_of timestamptz not null, route varchar not null, coverage varchar not null,
  finality varchar not null, conversations bigint not null, open bigint
);

-- name: create_record_of_tables
create table if not exists target.lastpage_tables (
  day date not null, name varchar not null, rows bigint not null
);

-- name: add_open_to_ranges
alter table target.lastpage_ranges add column if not exists open bigint;

-- name: insert_meta
insert into target.lastpage_meta values ($version, $organization, $filters, $selection, $key);

-- name: checkpoint
checkpoint target;

-- name: columns
select table_name, column_name from duckdb_columns()
where database_name = 'target' and schema_name = 'main';

-- name: create_table
create table {table} (day date, {columns});

-- name: add_column
alter table {table} add column {columns};

-- name: meta
from target.lastpage_meta;

-- name: ranges
select * replace (
  epoch_us(start) as start, epoch_us(stop) as stop, epoch_us(as_of) as as_of
)
from target.lastpage_ranges where $day is null or day = $day order by day, start;

-- name: delete_ranges
delete from target.lastpage_ranges where day = $day;

-- name: insert_range
insert into target.lastpage_ranges by name
select $day as day, $start as start, $stop as stop, $as_of as as_of, $route as route,
  $coverage as coverage, $finality as finality, $conversations as conversations, $open as open;

-- name: tables
from target.lastpage_tables where $day is null or day = $day;

-- name: delete_tables
delete from target.lastpage_tables where day = $day;

-- name: insert_tables
insert into target.lastpage_tables by name select $day::date as day, name, rows from counted;

-- name: count_days
select day, count(*) as rows from {table} group by day;

-- name: delete_day
delete from {table} where day = $day;

-- name: read
select {columns} from {table} where day = $day;

-- name: count
select count(*) from {table} where day = $day;

-- name: insert
insert into {table} by name select $day::date as day, * from arriving;

-- name: read_list
select id, name from {table};

-- name: replace_list
create or replace table {table} as from list;

-- Conversations of the day that make room: those that started in a part that is written, and are
-- not named as staying.
-- name: leaving
create or replace temp table leaving as
select conversation_id from target.conversations
where day = $day and exists (
  select 1 from parts where conversation_start >= start and conversation_start < stop
) and conversation_id not in (from staying);

-- Conversations of the day that started in another part, and make room for what comes of them.
-- name: moved
create or replace temp table leaving as
select conversation_id from target.conversations
where day = $day and not exists (
  select 1 from parts where conversation_start >= start and conversation_start < stop
) and conversation_id in (from came) and conversation_id not in (from staying);

-- name: delete_leaving
delete from {table} where day = $day and conversation_id in (from leaving);

-- Broken records wait here until all have come, since one without a start makes room only for the
-- same record.
-- name: create_arrived_broken
create or replace temp table arrived_broken as from target.broken limit 0;

-- name: delete_broken
delete from target.broken
where day = $day and case when conversation_start is null
  then record in (select record from arrived_broken where conversation_start is null)
  else conversation_id not in (from staying) and (
    conversation_id in (from came)
    or exists (select 1 from parts where conversation_start >= start and conversation_start < stop)
  )
end;

-- name: insert_broken
insert into target.broken by name from arrived_broken;

-- name: conversations_between
select count(*) from target.conversations
where day = $day and conversation_start >= $start and conversation_start < $stop;

-- name: open_between
select count(*) from target.conversations
where day = $day and conversation_start >= $start and conversation_start < $stop
  and conversation_end is null;

-- The views name queues, so their list is there; without names it is empty.
-- name: create_queues
create table if not exists target.queues (id varchar, name varchar);

-- {columns} is the view's query (`tables/counting.py`). Whoever opens the file calls the database
-- otherwise, and the schema always main.
-- name: create_view
create or replace view {table} as {columns};
