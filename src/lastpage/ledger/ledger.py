"""The record of what was planned, asked, received and written: a crash costs one request.

Fault model. Survived: the process killed, or the power cut, at any instruction; the disk full; the
spool's end torn; a ledger whose newest pages the spool does not have; a job that died in the
meantime; a clock that is wrong by days, or jumps (the times that matter are the API's). Not
survived: a disk that returns other bytes than were written *and* matches their checksum; two
writers (the lock prevents them); a clock that is wrong by years.

The commit protocol, in this order:
  1. the plan, before the first fetch; resuming uses it, so slices never move under their pages;
  2. an answer's frame in the spool, flushed; then its row here: a row vouches for bytes;
  3. the next request is computed from the last row and its answer, never stored;
  4. a slice's verdict, once its walk is at its end;
  5. the destination, day by day, each in one step (a mark beside files, a transaction of a
     database); then the slices of those days as committed; then their spool is dropped.
Repeating any of these after a crash changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from lastpage.errors import DestinationError, UsageError
from lastpage.files import make_private_folder
from lastpage.ledger.attempts import Attempts
from lastpage.ledger.ids import Digests, packed
from lastpage.ledger.records import Planned, Run
from lastpage.planning.slices import Horizon, Slice
from lastpage.query.interval import Interval, iso, parse_iso
from lastpage.query.query import other_filters

FILE = "ledger.sqlite"
#: What a destination holds that is not what is asked for.
ANOTHER: dict[str, Callable[[str, str], str]] = {
    "organization": lambda known, asked: f"another organization ({known}, not {asked})",
    "filters": other_filters,
}


class Ledger(Attempts):
    """One SQLite file and the spool beside it. Every method is one transaction, from any thread.

    Raises `DestinationError` where the disk does not do what it should.
    """

    def __init__(
        self,
        folder: Path,
        seam: Callable[[str], None] = lambda _name: None,
        *,
        lasts: bool = True,
    ) -> None:
        self.folder = folder
        #: Whether a later process may go on with its runs.
        self.lasts = lasts
        self._claim: dict[str, str] = {}
        self._made = [path for path in (folder / FILE, folder / "spool") if not path.exists()]
        try:
            super().__init__(folder / FILE, seam)
            make_private_folder(folder / "spool")
        except (OSError, sqlite3.Error) as problem:
            raise DestinationError(
                f"cannot keep the ledger in {folder}: {problem}; "
                "correct that, or give another destination"
            ) from None
        self.spool.keep_only({row["id"] for row in self._all("live_attempts")})

    def close(self) -> None:
        """Close the file. A new ledger in which nothing was planned is removed."""
        with self._lock:
            unused = self._one("any_run") is None
            self._db.close()
        for path in self._made if unused else ():
            path.rmdir() if path.is_dir() else path.unlink()

    # Identity ---------------------------------------------------------------------------------

    def identify(self, **identity: str) -> None:
        """Refuse if it is another's destination; else claim it for this organisation and filters.

        The claim is committed with the first plan: what the API would not count binds nothing.
        """
        known = self.identity()
        for key, value in identity.items():
            if known.get(key, value) != value:
                raise UsageError(
                    f"{self.folder.parent} holds data of {ANOTHER[key](known[key], value)}; "
                    "give another destination with --to, or remove this one"
                )
        self._claim |= identity

    def identity(self) -> dict[str, str]:
        """Whose data the destination holds; empty where nothing was ever fetched into it."""
        return {row["key"]: row["value"] for row in self._all("all_meta")} | self._claim

    # Runs -------------------------------------------------------------------------------------

    def unfinished(self, command: str) -> Run | None:
        """The newest run of the same command that did not end."""
        row = self._one("unfinished", command)
        return Run.from_row(row) if row else None

    def begin(
        self,
        command: str,
        interval: Interval,
        horizon: Horizon,
        slices: Iterable[Slice],
        now: float,
    ) -> Run:
        """Commit the plan; nothing is fetched before."""
        ends = (interval.start, interval.end, horizon.until, horizon.watermark)
        with self._transaction("plan"):
            for key, value in self._claim.items():
                self._do("set_meta", key, value)
            id_ = self._do("add_run", command, *map(iso, ends), horizon.known, now).lastrowid or 0
            for slice_ in slices:
                self._add_slice(id_, slice_, slice_.number)
        return Run(id_, interval, horizon, now)

    def plan_again(
        self,
        run: Run,
        horizon: Horizon,
        slices: Iterable[Slice],
        held_ids: frozenset[bytes] | None = None,
    ) -> Run:
        """Give a run that has no plan a new one.

        Its destination may have rows of any of the new slices: what it delivered counts for all,
        and so do `held_ids`, if they are known.
        """
        ends = (iso(horizon.until), iso(horizon.watermark))
        with self._transaction("plan"):
            self._do("set_horizon", *ends, horizon.known, run.id)
            delivered = [Digests(row["ids"]) for row in self._all("all_delivered", run.id)]
            ids = {id_ for each in delivered for id_ in each}.union(held_ids or ())
            self._do("forget_delivered", run.id)
            for slice_ in slices:
                self._add_slice(run.id, slice_, slice_.number)
                if delivered or held_ids is not None:
                    self._do("set_delivered", run.id, slice_.number, packed(ids))
        return replace(run, horizon=horizon)

    def finish(self, run: Run, now: float, coverage: str) -> None:
        """End a run at `now` (unix seconds, by the API's clock); drop its evidence and pages."""
        with self._transaction("end"):
            self._do("end_run", now, coverage, run.id)
            for what in ("owned", "delivered", "sightings", "pages", "told"):
                self._do(f"forget_{what}", run.id)

    def end_others(self, run: Run, day: date, now: float) -> list[Run]:
        """End the unfinished runs beside this one that have pages of a day, which are dropped."""
        rows = self._all("others_with_pages", run.id, *_ends_of(day))
        others = [Run.from_row(row) for row in rows]
        for other in others:
            self.finish(other, now, "short")
            self._drop_pages(other, self.slices(other))
        return others

    # Slices -----------------------------------------------------------------------------------

    def slices(self, run: Run) -> list[Planned]:
        """The slices of a run by their numbers; those that were cut are among them."""
        return [Planned.from_row(row) for row in self._all("slices", run.id)]

    def slices_of(self, run: Run, first: int, last: int) -> list[Planned]:
        """The same of those slices of the plan that are numbered from `first` to `last`."""
        return [Planned.from_row(row) for row in self._all("slices_of", run.id, first, last)]

    def cut(
        self, run: Run, whole: Planned, halves: Iterable[Slice], *, keeps_verdict: bool = False
    ) -> list[Planned]:
        """Replace a slice by others, numbered after all there are.

        If it keeps its verdict, it may be taken back (`take_whole`).
        """
        kept = (whole.attempt, whole.verdict) if keeps_verdict else (None, None)
        with self._transaction("cut"):
            row = self._one("last_number", run.id)
            last = int(row[0]) if row else 0
            self._do("set_slice", "cut", *kept, run.id, whole.slice.number)
            cut = []
            for number, half in enumerate(halves, last + 1):
                cut.append(Planned(replace(half, number=number), whole.part, "todo"))
                self._add_slice(run.id, cut[-1].slice, whole.part)
        return cut

    def take_whole(self, run: Run, whole: Planned, verdict: str, parts: Iterable[Planned]) -> None:
        """Take a slice back that was cut and kept its verdict, in place of its parts."""
        parts = list(parts)
        with self._transaction("take"):
            self._do("set_slice", "settled", whole.attempt, verdict, run.id, whole.slice.number)
            for part in parts:
                self._do("set_slice", "cut", None, None, run.id, part.slice.number)
        self._drop_pages(run, parts)

    def take_parts(self, run: Run, whole: Planned, verdicts: Mapping[int, str]) -> None:
        """Let the parts stand in place of the slice, with these verdicts by their numbers."""
        with self._transaction("take"):
            self._do("set_slice", "cut", None, None, run.id, whole.slice.number)
            for number, verdict in verdicts.items():
                self._do("set_verdict", verdict, run.id, number)
        self._drop_pages(run, [whole])

    def settle(
        self,
        run: Run,
        number: int,
        attempt: int,
        verdict: str,
        ids: Iterable[bytes],
        sightings: dict[str, str],
    ) -> None:
        """A slice's walk is at its end and was judged."""
        with self._transaction("settle"):
            self._do("set_slice", "settled", attempt, verdict, run.id, number)
            self._do("set_owned", run.id, number, packed(ids))
            for text, start in sightings.items():
                self._do("add_sighting", run.id, start, text)

    def rejudge(self, run: Run, number: int, verdict: str) -> None:
        """Replace a settled slice's verdict: later evidence spoke against it."""
        with self._transaction("rejudge"):
            self._do("set_verdict", verdict, run.id, number)

    def reopen(self, run: Run, number: int) -> None:
        """Walk a slice again although it was settled: something is known to be missing."""
        with self._transaction("reopen"):
            self._do("reopen_slice", run.id, number)

    def commit(self, run: Run, slices: Iterable[tuple[Planned, str]]) -> None:
        """The destination has these slices; their spool may go.

        With each comes what the destination holds of its hours by now, as a JSON list.
        """
        slices = list(slices)
        with self._transaction("commit"):
            for planned, held in slices:
                self._do("commit_slice", held, run.id, planned.slice.number)
                ids = (self.delivered(run, planned.part) or frozenset()).union(
                    self.owned(run, planned.slice.number)
                )
                self._do("set_delivered", run.id, planned.part, packed(ids))
        self._drop_pages(run, [planned for planned, _ in slices])

    def written(self, day: date) -> list[tuple[int, Planned]]:
        """The slices with hours of a day that unfinished runs have written; first the runs' ids."""
        rows = self._all("written", *_ends_of(day))
        return [(row["run"], Planned.from_row(row)) for row in rows]

    def hold(self, run: int, planned: Planned, held: str) -> None:
        """The destination holds this of a slice's hours by now, as a JSON list, and all is well."""
        with self._transaction("hold"):
            self._do("hold_slice", held, run, planned.slice.number)

    def redeliver(self, run: Run, part: int, there: frozenset[bytes] | None) -> None:
        """The destination has these ids of a slice of the plan, whatever was known; or nothing."""
        with self._transaction("redeliver"):
            self._do("forget_delivered_part", run.id, part)
            if there is not None:
                self._do("set_delivered", run.id, part, packed(there))

    # Ids --------------------------------------------------------------------------------------

    def owned(self, run: Run, number: int) -> Digests:
        """Of the ids that a settled slice owns."""
        row = self._one("get_owned", run.id, number)
        return Digests(row["ids"] if row else b"")

    def delivered(self, run: Run, part: int) -> frozenset[bytes] | None:
        """Of the rows that the destination has of a slice of the plan; None before the first."""
        row = self._one("get_delivered", run.id, part)
        return frozenset(Digests(row["ids"])) if row else None

    def sightings(self, run: Run, interval: Interval) -> Iterator[tuple[str, datetime]]:
        """What slices saw that starts here and was not their own; some rows at a time."""
        start, text = iso(interval.start), ""
        while rows := self._all("sightings", run.id, start, text, iso(interval.end)):
            yield from ((row["id"], parse_iso(row["start"])) for row in rows)
            start, text = rows[-1]["start"], rows[-1]["id"]

    def forget_sightings(self, run: Run, ids: Iterable[str]) -> None:
        """Drop sightings of conversations that do not exist any more."""
        with self._transaction("forget"):
            for text in ids:
                self._do("forget_sighting", run.id, text)

    # SQLite -----------------------------------------------------------------------------------

    def _add_slice(self, run: int, slice_: Slice, part: int) -> None:
        interval, asked = slice_.interval, slice_.asked
        ends = map(iso, (interval.start, interval.end, asked.start, asked.end))
        facts = (slice_.route, slice_.reason, slice_.expected)
        self._do("add_slice", run, slice_.number, part, *ends, *facts)

    def _drop_pages(self, run: Run, slices: Iterable[Planned]) -> None:
        """A crash in between leaves segments without use; the next start deletes them."""
        for planned in slices:
            for row in self._all("attempts", run.id, planned.slice.number):
                self.spool.drop(row["id"])


def _ends_of(day: date) -> Iterator[str]:
    """The end of a day, and its start, as text."""
    midnights = (datetime.combine(each, time(), UTC) for each in (day + timedelta(days=1), day))
    return map(iso, midnights)
