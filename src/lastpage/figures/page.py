"""A report as one HTML page that needs nothing else: no network, no font, no library.

    report.html   the frame, with what is said even where no script runs: verdict, holes, notes
    report.css    light, dark, narrow, print
    report.js     charts, tables, the explorer; it reads the figures from a block of JSON

Everything from outside (names of queues, attributes, paths) goes in as text: escaped in HTML, as
JSON without `<` in the block, and from there by `textContent` alone. A policy in the page allows
no script or style but these, by their hashes, and no request at all.

A year of half-hours is too much for a page, so the page has two sums of it, for a medium and queue:

    by period     each day; where that is more than `PERIODS_MAX` rows each week, or month
    by the clock  each half-hour of each weekday

Queues that are too many for that stand together as one: those with the least.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from importlib import resources
from typing import TYPE_CHECKING, Any

import duckdb

from lastpage.figures.days import CHANGING, LOOK_BACK
from lastpage.outside import shown
from lastpage.query.interval import DAY, iso, joined
from lastpage.tables.figures import RATIOS, SUMS

if TYPE_CHECKING:
    from lastpage.figures.report import Report

PERIODS_MAX, CLOCK_MAX = 5_000, 11_000
QUEUES_MAX = (60, 30, 20, 12, 8, 5, 3, 1)
GRAINS = ("day", "week", "month")
#: What is summed: counts as they are, times in seconds.
COUNTS = (
    "offered", "answered", "abandoned", "flowed_out", "unresolved", "handled", "transfers",
    "after_callback",
)  # fmt: skip
TIMES = ("answer_ms", "talk_ms", "hold_ms", "acw_ms", "handle_ms")
#: Of the sums by the clock, which are many.
BY_CLOCK = ("offered", "answered", "abandoned", "flowed_out", "handled", "handle_ms", "answer_ms")
_ROWS = """
create temp table told as
select *, left(local, 10) as day, strftime(date_trunc('week', left(local, 10)::date), '%Y-%m-%d')
    as week, left(local, 7) || '-01' as month,
  (isodow(left(local, 10)::date) - 1) * 48 + (substr(local, 12, 2)::int * 60
    + substr(local, 15, 2)::int) // 30 as slot,
  {over} as in_time, {under} as of_all
from figures
"""
_RANKED = """
create or replace temp table ranked as
select queue_id, any_value(queue) as queue,
  row_number() over (order by sum(offered + handled) desc, queue_id) - 1 as number
from told group by queue_id
"""
_MEDIA = """
create temp table media as
select media_type, row_number() over (order by sum(offered + handled) desc, media_type) - 1 as place
from told group by media_type
"""
_SUMS = """
select {key} as at, if(number < {most}, number, -1)::int as queue, place::int as media, {sums}
from told join ranked using (queue_id) join media on media.media_type is not distinct from
  told.media_type group by all order by all
"""


def page(found: Report) -> str:
    """The page of a report."""
    style, script = _part("report.css"), _part("report.js")
    facts = {
        "policy": f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
        "style": style,
        "script": script,
        "data": as_json(data(found)),
        "destination": html.escape(shown(found.destination)),
        "zone": html.escape(shown(str(found.tz))),
        "held": f"{_date(found.days[0].day)} to {_date(found.days[-1].day)}",
        "conversations": f"{sum(each.conversations for each in found.days):,}",
        "verdict": html.escape(verdict(found)),
        "holes": "\n".join(_holes(found)),
        "notes": "\n".join(f"<li>{html.escape(shown(note))}</li>" for note in found.notes),
        "definitions": "\n".join(_definitions(found)),
    }
    return filled(_part("report.html"), facts)


def filled(template: str, facts: Mapping[str, str]) -> str:
    """A template with `{{ name }}` in it; what was filled in is not looked at again."""
    parts = template.split("{{ ")
    return parts[0] + "".join(
        facts[name] + rest for name, _, rest in (part.partition(" }}") for part in parts[1:])
    )


def as_json(value: Any) -> str:
    """JSON that can stand in a script block: nothing in it ends the block, or begins a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def verdict(found: Report) -> str:
    """The first sentence: whether all of it is here."""
    bad = [each for each in found.days if each.verdict != "complete"]
    days = f"{len(found.days):,} days" if len(found.days) != 1 else "The one day"
    if not bad:
        return (
            f"{days}, and all of them complete." if len(found.days) != 1 else f"{days} is complete."
        )
    return f"{len(bad):,} of {days} are not complete."


def data(found: Report) -> dict[str, Any]:
    """What the script needs."""
    with duckdb.connect(":memory:") as db:
        db.register("figures", found.table)
        ratio = found.level.ratio
        db.execute(_ROWS.format(over=f"({ratio.over})", under=f"({ratio.under})"))
        db.execute(_RANKED)
        db.execute(_MEDIA)
        most, clock = _clock(db)
        grain, periods = _periods(db, most)
        at = sorted(set(periods["at"]))
        places = {each: place for place, each in enumerate(at)}
        periods["at"] = [places[each] for each in periods["at"]]
        named = db.sql("select queue_id, queue from ranked order by number").fetchall()
        names = {queue_id: shown(name or queue_id) for queue_id, name in named}
        media = db.sql("select media_type from media order by place").fetchall()
        words: dict[str | None, int] = {}
        return {
            "zone": str(found.tz),
            "days": [_day(each, found.tz) for each in found.days],
            "queues": [shown(name or queue_id) for queue_id, name in named[:most]],
            "pooled": max(len(named) - most, 0),
            "media": [name and shown(name) for (name,) in media],
            "grain": grain,
            "at": at,
            "periods": periods,
            "clock": clock,
            "minute": _minute(db),
            "weekdays": _weekdays(db),
            "target": found.level.target,
            "level": found.level.counted,
            "counted": {each.name: each.counted for each in (*SUMS, *RATIOS, ratio)},
            "sample": [_example(each, found.tz, names, words) for each in found.sample],
            "words": list(words),
            "thin": _thin(found),
            "personal": found.personal,
        }


def _clock(db: duckdb.DuckDBPyConnection) -> tuple[int, dict[str, list[Any]]]:
    """The sums by half-hour of the week, and how many queues have sums of their own."""
    for most in QUEUES_MAX:
        found = _columns(db, "slot", most, [*BY_CLOCK, "in_time", "of_all"])
        if len(found["at"]) <= CLOCK_MAX:
            break
    return most, found


def _periods(db: duckdb.DuckDBPyConnection, most: int) -> tuple[str, dict[str, list[Any]]]:
    """The sums by the shortest period that is not too much."""
    for grain in GRAINS:
        found = _columns(db, grain, most, [*COUNTS, *TIMES, "in_time", "of_all"])
        if len(found["at"]) <= PERIODS_MAX:
            break
    return grain, found


def _columns(
    db: duckdb.DuckDBPyConnection, key: str, most: int, names: list[str]
) -> dict[str, list[Any]]:
    sums = [
        f"round(coalesce(sum({name}), 0) / 1000)::bigint as {name.removesuffix('_ms')}_s"
        if name.endswith("_ms")
        else f"coalesce(sum({name}), 0)::bigint as {name}"
        for name in names
    ]
    found = db.sql(_SUMS.format(key=key, most=most, sums=", ".join(sums)))
    columns: dict[str, list[Any]] = found.to_arrow_table().to_pydict()
    return columns


def _minute(db: duckdb.DuckDBPyConnection) -> int:
    """How many minutes past :00 and :30 half-hours begin in this zone."""
    asked = "select mode(substr(local, 15, 2)::int % 30) from told"
    ((minute,),) = db.sql(asked).fetchall()
    return int(minute or 0)


def _weekdays(db: duckdb.DuckDBPyConnection) -> list[int]:
    """How many of each weekday there are, from Monday on, among days with figures."""
    asked = "select isodow(day::date), count(distinct day) from told group by 1"
    counts = {int(weekday): int(number) for weekday, number in db.sql(asked).fetchall()}
    return [counts.get(weekday, 0) for weekday in range(1, 8)]


def _day(each: Any, tz: tzinfo) -> list[Any]:
    """A day of the calendar, and the sentence of its account."""
    return [
        each.day.isoformat(),
        each.verdict,
        each.conversations,
        each.is_final,
        account(each, tz),
    ]


def account(each: Any, tz: tzinfo) -> str:
    """What there is to say of a day."""
    if each.verdict == "hole":
        return "Nothing of this day is held."
    said = [ACCOUNTS[each.verdict], f"{each.conversations:,} conversations"]
    if each.open:
        said.append(f"{each.open:,} open when read")
    said.append("final" if each.is_final else "provisional: some of it will change")
    said.append(f"as of {each.as_of.astimezone(tz):%d %b %Y %H:%M}")
    if each.missing:
        said.append(
            "missing " + ", ".join(f"{iso(one.start)} to {iso(one.end)}" for one in each.missing)
        )
    return "; ".join(said) + "."


ACCOUNTS = {
    "complete": "Complete",
    "unproven": "Unproven: nothing shows that rows are missing, and nothing proves that none are",
    "short": "Short: evidence says that rows are missing",
    "part": "Held in part",
}


def _example(
    each: dict[str, Any], tz: tzinfo, names: dict[str, str], words: dict[str | None, int]
) -> dict[str, Any]:
    """A conversation of the sample, with local time; what comes often is a number of `words`."""

    def word(text: str | None) -> int:
        return words.setdefault(text and shown(text), len(words))

    def queue(queue_id: str | None) -> int:
        return word(names.get(queue_id, queue_id) if queue_id else None)

    lanes = [
        {
            "who": word(lane["who"]),
            "media": word(lane["media"]),
            "segments": [(word(kind), *ends, queue(at)) for kind, *ends, at in lane["segments"]],
            "metrics": [(word(name), *rest) for name, *rest in lane["metrics"]],
            **({"personal": lane["personal"]} if lane["personal"] else {}),
        }
        for lane in each["lanes"]
    ]
    start = f"{each['start'].astimezone(tz):%Y-%m-%d %H:%M:%S}"
    told = {"start": start, "queue": queue(each["queue"]), "lanes": lanes}
    return {**each, **told, "media": each["media"] and shown(each["media"])}


def _thin(found: Report) -> list[str]:
    """Until when figures lack what had begun before, and from when on they are still changing."""
    early, late = found.held.start + LOOK_BACK * DAY, found.held.end - CHANGING * DAY
    return [f"{each.astimezone(found.tz):%Y-%m-%d}" for each in (early, late)]


def _holes(found: Report) -> Iterator[str]:
    """What is missing, each stretch as what can be typed; and the days that are in doubt."""
    for gap in joined(one for each in found.days for one in each.missing):
        typed = f"{_short(gap.start)}/{_short(gap.end)}"
        yield f"<li>Nothing is held of <code>{typed}</code></li>"
    for each in found.days:
        if each.verdict in ("short", "unproven"):
            yield f"<li class='{each.verdict}'>{_date(each.day)} is {each.verdict}</li>"


def _short(moment: datetime) -> str:
    """As short as it can be typed."""
    return iso(moment).removesuffix("T00:00:00.000Z").replace(":00.000Z", "Z")


def _date(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _definitions(found: Report) -> Iterator[str]:
    """Every figure, with how it was counted."""
    for each in (*SUMS, *RATIOS, found.level.ratio):
        name, said = html.escape(each.name), html.escape(each.counted)
        yield f"<dt>{name}</dt><dd>{said}</dd>"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _part(name: str) -> str:
    return resources.files("lastpage.figures").joinpath(name).read_text("utf-8")
