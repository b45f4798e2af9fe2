"""What a connector loses that remembers where it stopped: three common rules, by jobs and by page
numbers, and lastpage, in one life.

    the rule       the next run reads from
    -------------  ----------------------------------------------
    newest end     the latest `conversationEnd` that came, on
    newest start   the latest `conversationStart` that came, on
    now            the moment at which this run began to read, on

They are played as kindly as can be: nothing fails, no run is skipped, every page is read,
everything that comes is kept, and what comes again replaces what was there. The life is the one of
the simulation (tests/simulation/life.py says what happens in it, and how often); jobs have their
data six hours late. What counts began 35 days before the end or earlier, and is counted as the API
showed it thirty days after its day: what happens later is held against nobody.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from tests.simulation.held import Files
from tests.simulation.life import DAY_MS, Life, days, midnight_ms

from lastpage_sandbox import Sandbox

DETAILS = "/api/v2/analytics/conversations/details"
BEGIN = datetime(2023, 3, 1, 5, 0, tzinfo=UTC)
SINCE = BEGIN.date() - timedelta(days=2)
FIRST = datetime.combine(SINCE, datetime.min.time(), UTC)
PER_DAY, SETTLED_DAYS = 60, 30
JOBS_LAG_S = 6 * 3600.0


class Row(msgspec.Struct, rename="camel"):
    """What a checkpoint looks at."""

    conversation_id: str
    conversation_start: datetime
    conversation_end: datetime | None = None


class Page(msgspec.Struct):
    conversations: list[msgspec.Raw] = []
    cursor: str | None = None


class Api:
    """Requests without a socket, after a login."""

    def __init__(self, box: Sandbox) -> None:
        self._box = box
        pair = f"{box.settings.client_id}:{box.settings.client_secret}".encode()
        self._headers = {
            "Authorization": f"Basic {base64.b64encode(pair).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        token = self.ask("POST", "/oauth/token", b"grant_type=client_credentials")["access_token"]
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        kind: Any = Any,
    ) -> Any:
        sent = body if isinstance(body, bytes) else msgspec.json.encode(body) if body else None
        status, _, answer = self._box.request(method, path, query, self._headers, sent)
        assert status < 300, answer
        return msgspec.json.decode(answer, type=kind) if answer else None


def by_pages(api: Api, interval: str) -> Iterator[msgspec.Raw]:
    """All pages, to the one that has none."""
    number, rows = 1, [msgspec.Raw()]
    while rows:
        paging = {"pageSize": 100, "pageNumber": number}
        body = {"interval": interval, "paging": paging}
        rows = api.ask("POST", f"{DETAILS}/query", body, kind=Page).conversations
        number += 1
        yield from rows


def by_job(api: Api, interval: str) -> Iterator[msgspec.Raw]:
    """All pages, to the one without a cursor."""
    name = api.ask("POST", f"{DETAILS}/jobs", {"interval": interval})["jobId"]
    while api.ask("GET", f"{DETAILS}/jobs/{name}")["state"] != "FULFILLED":
        pass
    cursor: str | None = ""
    while cursor is not None:
        query = {"pageSize": "1000", "cursor": cursor}
        page = api.ask("GET", f"{DETAILS}/jobs/{name}/results", query=query, kind=Page)
        yield from page.conversations
        cursor = page.cursor


ROUTES = {"jobs": by_job, "page numbers": by_pages}
RULES = {
    "newest end": lambda rows, _: max((row.conversation_end for row in rows if row.conversation_end), default=None),
    "newest start": lambda rows, _: max((row.conversation_start for row in rows), default=None),
    "now": lambda _, now: now,
}  # fmt: skip


@dataclass
class Checkpoint:
    """A connector: what it keeps, and where it stopped."""

    life: Life
    rule: str
    route: str
    at: datetime = FIRST
    records: dict[str, bytes] = field(default_factory=dict)

    def sync(self) -> None:
        now = datetime.fromtimestamp(self.life.world.clock.now(), UTC)
        interval = f"{self.at:%Y-%m-%dT%H:%M:%S}.{self.at.microsecond // 1000:03}Z/{now:%Y-%m-%dT%H:%M:%SZ}"
        came = list(ROUTES[self.route](Api(self.life.box), interval))
        rows = [msgspec.json.decode(raw, type=Row) for raw in came]
        self.records.update(
            (row.conversation_id, bytes(raw)) for row, raw in zip(rows, came, strict=True)
        )
        self.at = max(self.at, RULES[self.rule](rows, now) or self.at)


@dataclass(frozen=True)
class Losses:
    """For ever: what is not there, what is and never ended, what is not as it was thirty days later, and what was deleted."""

    missing: int
    open: int
    outdated: int
    deleted: int


def losses(life: Life, held: Mapping[str, bytes], first: date, last: date) -> tuple[int, Losses]:
    """How many conversations there are of these days, and what a copy of them lacks."""
    count = missing = unended = outdated = 0
    for day in days(first, last):
        settled = midnight_ms(day) + (1 + SETTLED_DAYS) * DAY_MS
        there = {name for name in life.there(day) if life.settled_ms(name) <= settled}
        count += len(there)
        missing += len(there - held.keys())
        for name in there & held.keys():
            raw, ended = held[name], life.ended_ms(name)
            if b'"conversationEnd"' not in raw:
                unended += ended is not None and ended <= settled
            else:
                shown = (life.records(name, settled, attributes=has) for has in (True, False))
                outdated += not any(raw == each for records in shown for each in records)
    gone = ((name, life.gone_ms(name)) for name in held)
    deleted = sum(
        at is not None and at <= midnight_ms(_day_of(held[name])) + (1 + SETTLED_DAYS) * DAY_MS
        for name, at in gone
        if first <= _day_of(held[name]) <= last
    )
    return count, Losses(missing, unended, outdated, deleted)


def _day_of(raw: bytes) -> date:
    return msgspec.json.decode(raw, type=Row).conversation_start.date()


@dataclass
class Lastpage:
    """`lastpage sync`, a new process each time."""

    life: Life
    place: Path

    def sync(self) -> None:
        cloud = self.life.world.cloud()
        how = {"since": SINCE.isoformat(), "keep_raw": True, "tables": ["oddities"], "names": False}
        assert cloud.sync(self.place, **how).coverage == "complete"

    @property
    def records(self) -> dict[str, bytes]:
        files = Files(self.place)
        files.look()
        return {name: raw for day in files.days.values() for name, raw in day.records.items()}


def compare(seed: int, every: timedelta, lasts: timedelta) -> Iterator[tuple[str, int, Losses]]:
    """Each rule by each route, and lastpage."""
    life = Life(seed, BEGIN, PER_DAY, {"watermark_lag_s": JOBS_LAG_S})
    copies: dict[str, Checkpoint | Lastpage] = {
        f"{rule}, by {route}": Checkpoint(life, rule, route) for route in ROUTES for rule in RULES
    }
    with tempfile.TemporaryDirectory() as folder:
        copies["lastpage sync"] = Lastpage(life, Path(folder) / "out")
        for number in range(lasts // every):
            life.pass_until(BEGIN + number * every)
            for copy in copies.values():
                copy.sync()
        last = BEGIN.date() + lasts - timedelta(days=SETTLED_DAYS + 5)
        for name, copy in copies.items():
            yield name, *losses(life, copy.records, SINCE, last)


def main(arguments: Sequence[str] = ()) -> None:
    seed = int(arguments[0]) if arguments else 1
    print("Checkpoints: what is lost for ever of a copy that is kept up")
    for often, every, lasts in (("night", 24, 100), ("hour", 1, 45)):
        head = f"once every {often}, {lasts} days"
        print(
            f"  {head:<30} {'conversations':>13} {'missing':>8} {'open':>6} {'outdated':>9} {'deleted':>8}"
        )
        for name, count, lost in compare(seed, timedelta(hours=every), timedelta(days=lasts)):
            print(
                f"  {name:<30} {count:>13,} {lost.missing:>8,} {lost.open:>6,} {lost.outdated:>9,} {lost.deleted:>8,}"
            )
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
