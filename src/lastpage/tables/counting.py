"""The SQL that counts figures, one text for DuckDB and PostgreSQL: of views, and of reports.

    emitted   every metric that a formula needs            from `metrics`
    queued    the queue of each session                    from `segments`
    chosen    where a session has several, the one of each metric
    placed    emitted, with queue and medium               also from `sessions`
    counted   placed, and the rows that are made of others (`figures.MADE`)
    cells     counted, by bucket, queue and medium

What is asked of and why stands in `figures.py`.
"""

from __future__ import annotations

from lastpage.tables.figures import DAY_S, METRICS, NAMES, NEEDS, SUMS, VIEWS, Ratio

#: Every metric of a formula with its queue and medium, and the rows that are made of others.
_ROWS = """
with emitted as materialized (
  select day, conversation_id, participant_no, session_no, metric_no, name, value, emit_date
  from {metrics} where name in ({names})
), queued as (
  select day, conversation_id, participant_no, session_no,
    min(queue_id) as queue_id, min(queue_id) < max(queue_id) as is_several
  from {segments} where queue_id is not null group by 1, 2, 3, 4
), chosen as (
  select day, conversation_id, participant_no, session_no, metric_no, name, value, emit_date,
    segments.queue_id as queue_id,
    row_number() over (
      partition by day, conversation_id, participant_no, session_no, metric_no
      order by
        case when emit_date between segment_start and coalesce(segment_end, emit_date)
          then 0 else 1 end,
        case when name = 'nOffered'
            and emit_date between segment_start and coalesce(segment_end, emit_date)
          then -segment_no else segment_no end
    ) as choice
  from emitted
  join queued using (day, conversation_id, participant_no, session_no)
  join {segments} as segments using (day, conversation_id, participant_no, session_no)
  where is_several and segments.queue_id is not null
), owned as (
  select day, conversation_id, participant_no, session_no, name, value, emit_date, queue_id
  from emitted join queued using (day, conversation_id, participant_no, session_no)
  where not is_several
  union all
  select day, conversation_id, participant_no, session_no, name, value, emit_date, queue_id
  from chosen where choice = 1
), placed as materialized (
  select day, conversation_id, participant_no, session_no, name, value, emit_date, queue_id,
    media_type
  from owned join {sessions} using (day, conversation_id, participant_no, session_no)
), ended as (
  select day, conversation_id, queue_id, media_type,
    count(*) filter (where name in ('tAnswered', 'tAbandon', 'tFlowOut')) as ends
  from placed where name in ('nOffered', 'tAnswered', 'tAbandon', 'tFlowOut')
  group by 1, 2, 3, 4
  having count(*) filter (where name = 'nOffered') >
    count(*) filter (where name in ('tAnswered', 'tAbandon', 'tFlowOut'))
), left_open as (
  select placed.day, placed.conversation_id, placed.queue_id, placed.media_type, emit_date, ends,
    row_number() over (
      partition by placed.day, placed.conversation_id, placed.queue_id, placed.media_type
      order by emit_date, participant_no, session_no
    ) as visit
  from placed join ended on ended.day = placed.day
    and ended.conversation_id = placed.conversation_id and ended.queue_id = placed.queue_id
    and ended.media_type is not distinct from placed.media_type
  where name = 'nOffered'
), callbacks as (
  select day, conversation_id, min(emit_date) as offered_at
  from placed where name = 'nOffered' and media_type = 'callback' group by 1, 2
), talked as (
  select distinct day, conversation_id, participant_no, session_no
  from placed where name = 'tTalkComplete'
), counted as (
  select conversation_id, queue_id, media_type, emit_date, name, value from placed
  union all
  select conversation_id, queue_id, media_type, emit_date, 'unresolved', 1
  from left_open where visit > ends
  union all
  select conversation_id, queue_id, media_type, emit_date, 'after callback', 1
  from placed join callbacks using (day, conversation_id)
  where name = 'nOffered' and media_type = 'voice' and emit_date > offered_at
  union all
  select conversation_id, queue_id, media_type, emit_date, 'handled talked', 1
  from placed join talked using (day, conversation_id, participant_no, session_no)
  where name = 'tHandle'
)
"""
_CELLS = """
select {bucket} as {bucketed}, queue_id, media_type, {sums}
from counted group by 1, 2, 3
"""
_VIEW = """
select cells.*, queues.name as queue from (
{cells}) as cells left join {queues} as queues on queues.id = cells.queue_id
"""


def view(name: str, prefix: str) -> str:
    """The query of a view, of tables whose names have this prefix, such as `main.`."""
    seconds, bucketed = VIEWS[name]
    tables = {table: f"{prefix}{table}" for table in (*NEEDS, "queues")}
    return _VIEW.format(cells=cells(tables, seconds, bucketed), queues=tables["queues"])


def cells(
    tables: dict[str, str], seconds: int, bucketed: str, more: dict[str, str] | None = None
) -> str:
    """The query of cells that are so many seconds long, of tables by their name.

    `more` are further sums: their names, and their SQL over `name` and `value`.
    """
    sums = {each.name: compiled(each.formula) for each in SUMS} | (more or {})
    return _ROWS.format(names=listed(METRICS), **tables) + _CELLS.format(
        bucket=_bucket(seconds),
        bucketed=bucketed,
        sums=",\n  ".join(f"{sql} as {name}" for name, sql in sums.items()),
    )


def view_columns() -> dict[str, list[str]]:
    """The columns of each view, in their order."""
    return {
        name: [bucketed, "queue_id", "media_type", *NAMES, "queue"]
        for name, (_, bucketed) in VIEWS.items()
    }


def compiled(formula: str) -> str:
    """The SQL of a formula such as `v(tAnswered, tAbandon)`, over `name` and `value`.

    A count of nothing is 0, and a length of nothing is null.
    """
    kind, _, names = formula.removesuffix(")").partition("(")
    where = f"filter (where name in ({listed(names.split(', '))}))"
    match kind:
        case "n":
            return f"count(*) {where}"
        case "different":
            return f"count(distinct conversation_id) {where}"
    total = f"sum(value) {where}"
    return f"coalesce({total}, 0)::bigint" if names.startswith("n") else f"({total})::bigint"


def listed(names: list[str]) -> str:
    """Names as SQL has them in a list."""
    return ", ".join(f"'{name}'" for name in names)


def divided(ratio: Ratio) -> str:
    """The SQL of a ratio, over the columns of a cell."""
    value = f"({ratio.over}) * {ratio.times} / nullif({ratio.under}, 0)"
    if not ratio.never:
        return value
    return f"case when media_type in ({listed(list(ratio.never))}) then null else {value} end"


def _bucket(seconds: int) -> str:
    """Where a moment belongs, the same in both databases: it needs no time zones."""
    number = f"floor(extract(epoch from emit_date) / {seconds})"
    if seconds == DAY_S:
        return f"date '1970-01-01' + cast({number} as integer)"
    return f"to_timestamp({number} * {seconds})"
