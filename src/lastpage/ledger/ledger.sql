-- What lastpage knows of a destination's runs: the plan, its slices, their attempts, and one row
-- for each page that lies in the spool. Times are ISO 8601 in UTC where people read them, and unix
-- seconds where only arithmetic does.

-- name: schema
create table meta (key text primary key, value text not null) strict;

-- A run: one command, from plan to verdict (`coverage`, once it has ended). `asked` is what makes a
-- repeated command the same one.
create table run (
  id integer primary key, asked text not null, start text not null, stop text not null,
  until text not null, watermark text not null, known integer not null,
  began real not null, ended real,
  coverage text
) strict;

-- A slice of its plan: todo -> settled (pages whole, verdict given) -> committed (in the
-- destination, which then `held` this of its hours), or cut: others stand for it; with a verdict,
-- it may still be taken back.
-- `part` is the slice of the plan that it was cut from.
create table slice (
  run integer not null, number integer not null, part integer not null,
  start text not null, stop text not null, asked_start text not null, asked_stop text not null,
  route text not null, reason text not null, expected integer,
  state text not null default 'todo', attempt integer, verdict text,
  held text,
  primary key (run, number)
) strict, without rowid;
create index slice_of on slice (run, part);

-- One walk of a slice from its first page. At most one of a slice is open.
create table attempt (
  id integer primary key, run integer not null, slice integer not null,
  began real not null, watermark text,
  state text not null default 'open', reason text not null default ''
) strict;
create index attempt_of on attempt (run, slice);

-- One request, and where its answer lies in the attempt's segment of the spool.
create table page (
  attempt integer not null, ordinal integer not null, request text not null,
  status integer not null, encoding text not null, offset integer not null, length integer not null,
  primary key (attempt, ordinal)
) strict, without rowid;

-- Evidence, until the run ends: digests of the ids that each slice owns, and the ids that it saw
-- and others own.
create table owned (
  run integer not null, slice integer not null, ids blob not null, primary key (run, slice)
) strict, without rowid;
create table sighting (
  run integer not null, start text not null, id text not null, primary key (run, start, id)
) strict, without rowid;

-- What a destination was given of a slice of the plan: digests of the rows, for destinations that
-- cannot replace them.
create table delivered (
  run integer not null, part integer not null, ids blob not null, primary key (run, part)
) strict, without rowid;

-- Notes of an unfinished run that were shown: the process that resumes it need not repeat them.
create table told (run integer not null, note text not null, primary key (run, note)) strict,
without rowid;

-- Rows of the destination that seem to be gone, and when that was found first. All runs share it.
create table absence (
  day text not null, id text not null, finding text not null, since real not null,
  primary key (day, id)
) strict, without rowid;

-- Small facts from one run to the next.
create table memory (name text primary key, value text not null) strict;

-- name: columns
select t.name || '.' || c.name from sqlite_schema as t, pragma_table_info(t.name) as c
where t.type = 'table';

-- Version 1 cut slices by direction, too; under a filter that looks at segments it let jobs reach
-- up to the watermark, and took by id what they could not show. An unfinished run that was planned
-- so loses its plan, and keeps its interval and what it delivered: the same command plans it again.
-- name: upgrade_1
create temp table planless as select id from run where ended is null and (
  id in (select run from slice where direction is not null)
  or id in (
    select run from attempt join page on page.attempt = attempt.id
    where json_extract(request, '$.kind') = 'named'
  )
  or id in (
    select run from slice
    where route = 'cursor' and stop > strftime('%Y-%m-%dT%H:%M:%fZ', run.watermark, '-1 day')
  ) and exists (
    select 1 from meta, json_each(meta.value) as filter
    where meta.key = 'filters' and filter.key != 'conversationFilters'
  )
);
delete from page where attempt in (select id from attempt where run in planless);
delete from attempt where run in planless;
delete from owned where run in planless;
delete from sighting where run in planless;
delete from slice where run in planless;
drop table planless;
alter table slice drop column direction;

-- Version 2 did not know which notes were shown.
-- name: upgrade_2
create table told (run integer not null, note text not null, primary key (run, note)) strict,
without rowid;

-- Version 3 did not remember what seems to be gone.
-- name: upgrade_3
create table absence (
  day text not null, id text not null, finding text not null, since real not null,
  primary key (day, id)
) strict, without rowid;

-- Version 4 did not know what a destination held once a slice was written.
-- name: upgrade_4
alter table slice add column held text;

-- Version 5 did not remember facts, nor how a run ended.
-- name: upgrade_5
create table memory (name text primary key, value text not null) strict;
alter table run add column coverage text;

-- Version 6 had to look at all slices of a run to find those of a part.
-- name: upgrade_6
create index slice_of on slice (run, part);

-- name: all_meta
select key, value from meta;

-- name: set_meta
insert into meta (key, value) values (?, ?) on conflict (key) do update set value = excluded.value;

-- name: any_run
select 1 from run limit 1;

-- name: last_run
select * from run order by id desc limit 1;

-- name: unfinished
select * from run where asked = ? and ended is null order by id desc limit 1;

-- name: add_run
insert into run (asked, start, stop, until, watermark, known, began) values (?, ?, ?, ?, ?, ?, ?);

-- name: set_horizon
update run set until = ?, watermark = ?, known = ? where id = ?;

-- name: all_delivered
select ids from delivered where run = ?;

-- name: others_with_pages
select * from run where ended is null and id != ? and exists (
  select 1 from attempt join slice on slice.run = attempt.run and slice.number = attempt.slice
  where slice.run = run.id and attempt.state != 'lost' and slice.state != 'committed'
    and asked_start < ? and asked_stop > ?
);

-- name: end_run
update run set ended = ?, coverage = ? where id = ?;

-- name: forget_owned
delete from owned where run = ?;

-- name: forget_sightings
delete from sighting where run = ?;

-- name: forget_pages
delete from page where attempt in (select id from attempt where run = ?);

-- name: live_attempts
select attempt.id
from attempt join slice on slice.run = attempt.run and slice.number = attempt.slice
where attempt.state != 'lost'
  and (slice.state in ('todo', 'settled') or slice.state = 'cut' and slice.verdict is not null);

-- name: add_slice
insert into slice (run, number, part, start, stop, asked_start, asked_stop, route, reason, expected)
values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: slices
select * from slice where run = ? order by number;

-- By the index: `+` keeps SQLite from reading the run in the order of its numbers.
-- name: slices_of
select * from slice where run = ? and part between ? and ? order by +number;

-- name: last_number
select max(number) from slice where run = ?;

-- name: set_slice
update slice set state = ?, attempt = ?, verdict = ? where run = ? and number = ?;

-- name: commit_slice
update slice set state = 'committed', held = ? where run = ? and number = ?;

-- name: written
select slice.* from slice join run on run.id = slice.run
where run.ended is null and state = 'committed' and slice.start < ? and slice.stop > ?
order by run.id, number;

-- name: hold_slice
update slice set held = ? where run = ? and number = ?;

-- name: reopen_slice
update slice set state = 'todo', attempt = null, verdict = null, held = null where run = ? and number = ?;

-- name: set_verdict
update slice set verdict = ? where run = ? and number = ?;

-- name: add_attempt
insert into attempt (run, slice, began, watermark) values (?, ?, ?, ?);

-- name: open_attempt
select * from attempt where run = ? and slice = ? and state = 'open' order by id desc limit 1;

-- name: attempts
select * from attempt where run = ? and slice = ? order by id;

-- name: get_attempt
select * from attempt where id = ?;

-- name: end_attempt
update attempt set state = ?, reason = ? where id = ?;

-- name: add_page
insert into page (attempt, ordinal, request, status, encoding, offset, length)
values (?, ?, ?, ?, ?, ?, ?);

-- name: pages
select * from page where attempt = ? order by ordinal;

-- name: drop_pages
delete from page where attempt = ? and ordinal >= ?;

-- name: set_owned
insert into owned (run, slice, ids) values (?, ?, ?)
on conflict (run, slice) do update set ids = excluded.ids;

-- name: get_owned
select ids from owned where run = ? and slice = ?;

-- name: get_delivered
select ids from delivered where run = ? and part = ?;

-- name: set_delivered
insert into delivered (run, part, ids) values (?, ?, ?)
on conflict (run, part) do update set ids = excluded.ids;

-- name: forget_delivered
delete from delivered where run = ?;

-- name: forget_delivered_part
delete from delivered where run = ? and part = ?;

-- name: add_sighting
insert into sighting (run, start, id) values (?, ?, ?)
on conflict (run, start, id) do nothing;

-- name: sightings
select id, start from sighting where run = ?1 and (start, id) > (?2, ?3) and start < ?4
order by start, id limit 1000;

-- name: tell
insert into told (run, note) values (?, ?) on conflict (run, note) do nothing;

-- name: told
select note from told where run = ?;

-- name: forget_told
delete from told where run = ?;

-- name: forget_sighting
delete from sighting where run = ? and id = ?;

-- name: absences
select id, finding, since from absence where day = ?;

-- name: days_with_absences
select distinct day from absence where since <= ?;

-- name: moving
select day, id from absence where finding = 'moving' order by day, id;

-- name: forget_absences
delete from absence where day = ?;

-- name: add_absence
insert into absence (day, id, finding, since) values (?, ?, ?, ?);

-- name: recall
select value from memory where name = ?;

-- name: remember
insert into memory (name, value) values (?, ?)
on conflict (name) do update set value = excluded.value;
