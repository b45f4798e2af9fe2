"""The record of what was planned, asked, received and written; it is what makes a crash cost one request.

Fault model. Survived: the process killed, or the power cut, at any instruction; the disk full; the spool's end torn; a ledger
whose newest pages the spool does not have; a job that died in the meantime; a clock that is wrong by days, or jumps (the times
that matter are the API's). Not survived: a disk that returns other bytes than were written *and* matches their checksum; two
writers (the lock sees to that); a clock that is wrong by years.

The commit protocol, in this order:
  1. the plan, before the first fetch; resuming uses it, so that slices never move under their pages;
  2. an answer's frame in the spool, flushed; then its row here; so a row vouches for bytes that are there;
  3. the next request is computed from the last row and its answer, never stored;
  4. a slice's verdict, once its walk is at its end;
  5. the destination, day by day, each in one step (a mark beside files, a transaction of a database); then the slices whose days
     they are as committed; then their spool is dropped.
Repeating any of these after a crash changes nothing.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from lastpage.api.messages import Answer
from lastpage.errors import DestinationError, UsageError
from lastpage.ledger.database import SQL, opened
from lastpage.ledger.ids import Digests, packed
from lastpage.ledger.spool import Frame, Spool
from lastpage.planning.slices import Horizon, Slice
from lastpage.query.interval import Interval, iso, parse_iso
from lastpage.walks.walk import Request

FILE = "ledger.sqlite"
#: Whose data it holds, when it is not this one's.
ANOTHER = {"organization": "another organization", "filters": "other filters"}
Row = sqlite3.Row


@dataclass(frozen=True, slots=True)
class Run:
    """One command's run: what it resolved to when it began."""

    id: int
    interval: Interval
    horizon: Horizon
    began: float


@dataclass(frozen=True, slots=True)
class Planned:
    """A slice with what became of it."""

    slice: Slice
    part: int
    state: str
    attempt: int | None
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One walk of a slice. `watermark` is the lake's, read before the walk began; None where it was not to be had."""

    id: int
    began: float
    watermark: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A request that was answered, and where the answer lies."""

    request: Request
    status: int
    encoding: str
    frame: Frame


class Ledger:
    """One SQLite file and the spool beside it. Every method is one transaction; any thread may call."""

    def __init__(self, folder: Path, seam: Callable[[str], None] = lambda _name: None) -> None:
        self.folder = folder
        self._seam = seam
        self._lock = threading.RLock()
        self._claim: dict[str, str] = {}
        self._made = [path for path in (folder / FILE, folder / "spool") if not path.exists()]
        try:
            self._db = opened(folder / FILE)
            (folder / "spool").mkdir(exist_ok=True)
        except (OSError, sqlite3.Error) as problem:
            raise DestinationError(
                f"cannot keep the ledger in {folder}: {problem}; mend that, or give another destination"
            ) from None
        self.spool = Spool(folder / "spool", seam)
        self.spool.keep_only({row["id"] for row in self._all("live_attempts")})

    def close(self) -> None:
        """A new ledger in which nothing was planned leaves nothing."""
        with self._lock:
            unused = self._one("any_run") is None
            self._db.close()
        for path in self._made if unused else ():
            path.rmdir() if path.is_dir() else path.unlink()

    # Identity -------------------------------------------------------------------------------------------------

    def identify(self, **identity: str) -> None:
        """Refuse if it is another's destination; else claim it for this organisation and these filters.

        The claim is committed with the first plan: what the API would not even count binds nobody.
        """
        known = self.identity()
        for key, value in identity.items():
            if known.get(key, value) != value:
                raise UsageError(
                    f"{self.folder.parent} holds data of {ANOTHER[key]} ({known[key]}, not {value}); "
                    "give another destination with --to, or remove this one"
                )
        self._claim |= identity

    def identity(self) -> dict[str, str]:
        """Whose data the destination holds; empty where nothing was ever fetched into it."""
        return {row["key"]: row["value"] for row in self._all("all_meta")} | self._claim

    # Runs -----------------------------------------------------------------------------------------------------

    def unfinished(self, asked: str) -> Run | None:
        row = self._one("unfinished", asked)
        return _run(row) if row else None

    def begin(self, asked: str, interval: Interval, horizon: Horizon, slices: Iterable[Slice], now: float) -> Run:
        """Commit the plan; nothing is fetched before."""
        ends = (iso(interval.start), iso(interval.end), iso(horizon.until), iso(horizon.watermark))
        with self._transaction("plan"):
            for key, value in self._claim.items():
                self._run("set_meta", key, value)
            run = self._run("add_run", asked, *ends, horizon.known, now).lastrowid or 0
            for piece in slices:
                self._add_slice(run, piece, piece.number)
        return Run(run, interval, horizon, now)

    def finish(self, run: Run, now: float) -> None:
        with self._transaction("end"):
            self._run("end_run", now, run.id)
            for forgotten in ("forget_owned", "forget_delivered", "forget_sightings", "forget_pages"):
                self._run(forgotten, run.id)

    # Slices ---------------------------------------------------------------------------------------------------

    def slices(self, run: Run) -> list[Planned]:
        return [_planned(row) for row in self._all("slices", run.id)]

    def cut(self, run: Run, whole: Planned, parts: Iterable[Slice]) -> list[Planned]:
        """Replace a slice by smaller ones, numbered after all others."""
        with self._transaction("cut"):
            row = self._one("last_number", run.id)
            number = int(row[0]) if row else 0
            self._run("set_slice", "cut", None, None, run.id, whole.slice.number)
            cut = []
            for number, piece in enumerate(parts, number + 1):  # noqa: B020 - goes on counting
                cut.append(_renumbered(piece, number, whole.part))
                self._add_slice(run.id, cut[-1].slice, whole.part)
        return cut

    def settle(
        self, run: Run, number: int, attempt: int, verdict: str, ids: Iterable[bytes], sightings: dict[str, str]
    ) -> None:
        """A slice's walk is at its end and was judged."""
        with self._transaction("settle"):
            self._run("set_slice", "settled", attempt, verdict, run.id, number)
            self._run("set_owned", run.id, number, packed(ids))
            for text, start in sightings.items():
                self._run("add_sighting", run.id, start, text)

    def committed(self, run: Run, slices: Iterable[Planned]) -> None:
        """The destination has these slices; their spool may go."""
        slices = list(slices)
        with self._transaction("commit"):
            for planned in slices:
                self._run("commit_slice", run.id, planned.slice.number)
                ids = (self.delivered(run, planned.part) or frozenset()) | set(self.owned(run, planned.slice.number))
                self._run("set_delivered", run.id, planned.part, packed(ids))
        for planned in slices:
            for row in self._all("attempts", run.id, planned.slice.number):
                self.spool.drop(row["id"])

    def reopen(self, run: Run, number: int) -> None:
        """Walk a slice again although it was settled: something is known to be missing.

        Slices of the same hours, cut by direction, are replaced together in a destination, so they are walked together.
        """
        with self._transaction("reopen"):
            self._run("reopen_slices", run.id, number)

    def rejudge(self, run: Run, number: int, verdict: str) -> None:
        """Replace a settled slice's verdict: later evidence spoke against it."""
        with self._transaction("rejudge"):
            self._run("set_verdict", verdict, run.id, number)

    def owned(self, run: Run, number: int) -> Digests:
        """Of the ids that a settled slice owns."""
        row = self._one("get_owned", run.id, number)
        return Digests(row["ids"] if row else b"")

    def delivered(self, run: Run, part: int) -> frozenset[bytes] | None:
        """Digests of the rows that the destination was given of a slice of the plan; None where it was given nothing yet."""
        row = self._one("get_delivered", run.id, part)
        return frozenset(Digests(row["ids"])) if row else None

    def sightings(self, run: Run, interval: Interval) -> Iterator[tuple[str, datetime]]:
        """What slices saw that starts in the interval and was not their own, a few rows in memory at a time."""
        start, text = iso(interval.start), ""
        while rows := self._all("sightings", run.id, start, text, iso(interval.end)):
            yield from ((row["id"], parse_iso(row["start"])) for row in rows)
            start, text = rows[-1]["start"], rows[-1]["id"]

    def forget_sightings(self, run: Run, ids: Iterable[str]) -> None:
        with self._transaction("forget"):
            for text in ids:
                self._run("forget_sighting", run.id, text)

    # Attempts and pages ---------------------------------------------------------------------------------------

    def open_attempt(self, run: Run, piece: Slice) -> Attempt | None:
        row = self._one("open_attempt", run.id, piece.number)
        return _attempt(row) if row else None

    def begin_attempt(self, run: Run, piece: Slice, now: float, watermark: datetime | None) -> Attempt:
        with self._transaction("attempt"):
            mark = iso(watermark) if watermark else None
            number = self._run("add_attempt", run.id, piece.number, now, mark).lastrowid or 0
        return Attempt(number, now, watermark)

    def attempt(self, number: int) -> Attempt:
        row = self._one("get_attempt", number)
        assert row is not None
        return _attempt(row)

    def end_attempt(self, attempt: Attempt, state: str, reason: str = "") -> None:
        with self._transaction("attempt end"):
            self._run("end_attempt", state, reason, attempt.id)
        if state == "lost":
            self.spool.drop(attempt.id)

    def add(self, attempt: Attempt, ordinal: int, request: Request, answer: Answer) -> Kept:
        """Keep an answer: its bytes first, then the row that vouches for them."""
        frame = self.spool.append(attempt.id, answer.raw)
        encoding = answer.headers.get("content-encoding", "")
        with self._transaction("page"):
            record = json.dumps(request.record())
            self._run("add_page", attempt.id, ordinal, record, answer.status, encoding, frame.offset, frame.length)
        return Kept(request, answer.status, encoding, frame)

    def pages(self, attempt: Attempt, piece: Slice) -> list[Kept]:
        return [_kept(row, piece) for row in self._all("pages", attempt.id)]

    def answer(self, attempt: Attempt, kept: Kept) -> Answer:
        raw = self.spool.read(attempt.id, kept.frame)
        if raw is None:
            raise DestinationError(
                f"the spool in {self.folder} does not hold what the ledger says; "
                "run the same command again: the damaged part is fetched anew"
            )
        return Answer(kept.status, {"content-encoding": kept.encoding}, raw)

    def whole(self, planned: Planned) -> bool:
        """Whether the spool still has every page of a settled slice."""
        assert planned.attempt is not None
        attempt = self.attempt(planned.attempt)
        return all(self.spool.read(attempt.id, page.frame) is not None for page in self.pages(attempt, planned.slice))

    def recover(self, attempt: Attempt, piece: Slice) -> tuple[list[Kept], bool]:
        """Make rows and bytes agree after a crash: the pages that are whole, and whether any had to be dropped."""
        rows = self.pages(attempt, piece)
        good = 0
        while good < len(rows) and self.spool.read(attempt.id, rows[good].frame) is not None:
            good += 1
        if good < len(rows):
            with self._transaction("recover"):
                self._run("drop_pages", attempt.id, good)
        self.spool.truncate(attempt.id, rows[good - 1].frame.end if good else 0)
        return rows[:good], good < len(rows)

    # SQLite ---------------------------------------------------------------------------------------------------

    def _add_slice(self, run: int, piece: Slice, part: int) -> None:
        ends = (piece.interval.start, piece.interval.end, piece.asked.start, piece.asked.end)
        facts = (piece.route, piece.direction, piece.reason, piece.expected)
        self._run("add_slice", run, piece.number, part, *(iso(end) for end in ends), *facts)

    @contextmanager
    def _transaction(self, step: str) -> Iterator[None]:
        with self._lock:
            try:
                self._seam(f"ledger {step}")
                self._db.execute("begin immediate")
                yield
                self._db.execute("commit")
            except BaseException as problem:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                if isinstance(problem, sqlite3.Error):
                    raise DestinationError(
                        f"cannot write the ledger in {self.folder}: {problem}; mend that, then run the same command again"
                    ) from None
                raise

    def _run(self, name: str, *values: Any) -> sqlite3.Cursor:
        return self._db.execute(SQL[name], values)

    def _one(self, name: str, *values: Any) -> Row | None:
        with self._lock:
            return cast("Row | None", self._db.execute(SQL[name], values).fetchone())

    def _all(self, name: str, *values: Any) -> list[Row]:
        with self._lock:
            return self._db.execute(SQL[name], values).fetchall()


def _interval(start: str, stop: str) -> Interval:
    return Interval(parse_iso(start), parse_iso(stop))


def _run(row: Row) -> Run:
    horizon = Horizon(parse_iso(row["until"]), parse_iso(row["watermark"]), bool(row["known"]))
    return Run(row["id"], _interval(row["start"], row["stop"]), horizon, row["began"])


def _planned(row: Row) -> Planned:
    piece = Slice(
        row["number"],
        _interval(row["start"], row["stop"]),
        _interval(row["asked_start"], row["asked_stop"]),
        row["route"],
        row["reason"],
        row["expected"],
        row["direction"],
    )
    return Planned(piece, row["part"], row["state"], row["attempt"], row["verdict"])


def _renumbered(piece: Slice, number: int, part: int) -> Planned:
    facts = (piece.interval, piece.asked, piece.route, piece.reason, piece.expected, piece.direction)
    return Planned(Slice(number, *facts), part, "todo", None, None)


def _attempt(row: Row) -> Attempt:
    return Attempt(row["id"], row["began"], parse_iso(row["watermark"]) if row["watermark"] else None)


def _kept(row: Row, piece: Slice) -> Kept:
    request = Request.from_record(piece, json.loads(row["request"]))
    return Kept(request, row["status"], row["encoding"], Frame(row["offset"], row["length"]))
