"""Tables of pages, made in threads while the walk goes on, into files that nobody sees.

    a page is in the ledger ─▶ its records, day by day ─▶ tables ─▶ a file beside the page
                                                                        │
    its slice has its verdict ─▶ the day is written ◀── as they are ────┘
                                      ▲
                                      └── made of the page, where they are not here, or not as they
                                          are wanted

Nothing is decided here: a destination gets tables from here only of what it would have been given
as records, so they are as good as the page that they were made of, and go with it.

    not taken from here                      because
    ---------------------------------------  -----------------------------------------------------
    a page with an earlier copy of an id     which copy counts is known at the end of the walk
    a day of which not all is written        so is what a destination accepts of it
    a page that an earlier process read      its tables are removed, since nothing vouches for them
    a page that came while BYTES_MAX lay     the destination is behind, so to make more would only
    here, or whose tables found no room      fill the disk; the page has them all

While too many pages wait for their tables, walks wait, too: so memory is bounded.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter, defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from pathlib import Path

import pyarrow as pa

from lastpage.api.messages import Answer, split_records
from lastpage.api.records import Raw
from lastpage.files import make_private, make_private_folder
from lastpage.ledger.spool import Spool
from lastpage.query.interval import Interval
from lastpage.tables.build import Shredding
from lastpage.tables.parse import Tables
from lastpage.tables.values import empty

#: Parsing lets other threads run; two keep two cores busy, and more would only hold more pages.
THREADS = 2
#: Pages that are in hand, or wait for it.
PAGES_MAX = 3
#: Bytes of tables on disk: those of a slice of 100,000 conversations.
BYTES_MAX = 1024**3
#: Bytes that are handed to the system at once: a page has a thousand columns, most of them small.
BUFFER_BYTES = 256 * 1024
#: The tables of a page that have rows.
Names = tuple[str, ...]


class Ahead:
    """Makes tables of pages with `tables`, and keeps them in `spool` until they are asked for."""

    def __init__(self, tables: Shredding, spool: Spool) -> None:
        self._tables = tables
        self._spool = spool
        self._pool = ThreadPoolExecutor(THREADS, "lastpage-ahead")
        self._room = threading.Semaphore(PAGES_MAX)
        #: By attempt and the number of the page in it.
        self._made: dict[int, dict[int, Future[dict[date, Names]]]] = {}
        #: Bytes of each attempt's tables.
        self._bytes = Counter[int]()
        self._lock = threading.Lock()

    def add(self, attempt: int, number: int, interval: Interval, answer: Answer) -> None:
        """Begin to make the tables of a page, of what its slice owns; waits while too many wait."""
        with self._lock:
            if self._bytes.total() >= BYTES_MAX:
                return
        self._room.acquire()
        try:
            future = self._pool.submit(self._make, attempt, number, interval, answer)
        except RuntimeError:  # the run has ended
            self._room.release()
            return
        future.add_done_callback(lambda _: self._room.release())
        self._made.setdefault(attempt, {})[number] = future

    def wait(self, attempt: int) -> None:
        """Return once nothing of an attempt is under way: then its files may go."""
        for future in self._made.get(attempt, {}).values():
            future.exception()

    def forget(self, attempt: int) -> None:
        """An attempt's tables are not asked for any more."""
        self.wait(attempt)
        self._made.pop(attempt, None)
        with self._lock:
            del self._bytes[attempt]

    def take(self, attempt: int, number: int, day: date) -> Tables | None:
        """The tables of a page's records of a day; None where they are not here."""
        future = self._made.get(attempt, {}).get(number)
        names = future.result().get(day) if future else None
        if names is None:
            return None
        tables = {name: empty(schema) for name, schema in self._tables.schemas.items()}
        # Mapped, the whole file would stay in memory as long as one small table of it does.
        with pa.OSFile(str(self._path(attempt, number, day))) as file:
            for name in names:
                with pa.ipc.open_stream(file) as stream:
                    tables[name] = stream.read_all()
        return tables

    def close(self) -> None:
        """End the threads, and remove what was not asked for."""
        self._pool.shutdown(cancel_futures=True)
        for attempt in self._made:
            shutil.rmtree(self._spool.tables(attempt), ignore_errors=True)

    def _make(
        self, attempt: int, number: int, interval: Interval, answer: Answer
    ) -> dict[date, Names]:
        own: dict[date, list[Raw]] = defaultdict(list)
        heads = answer.page.heads or ()
        for raw, head in zip(split_records(answer.body), heads, strict=True):
            if head is None or head.start in interval:
                own[(head or interval).start.date()].append(raw)
        made = {}
        for day, records in own.items():
            with suppress(OSError):  # the disk is full: who writes the day will see
                path = self._path(attempt, number, day)
                made[day] = _keep(path, self._tables(records))
                with self._lock:
                    self._bytes[attempt] += path.stat().st_size
        return made

    def _path(self, attempt: int, number: int, day: date) -> Path:
        return self._spool.tables(attempt) / f"{number} {day}"


def _keep(path: Path, tables: Tables) -> Names:
    """Write the tables that have rows into a file, one after the other; their names."""
    make_private_folder(path.parent)
    make_private(path)
    filled = {name: table for name, table in tables.items() if len(table)}
    with pa.output_stream(str(path), compression=None, buffer_size=BUFFER_BYTES) as file:
        for table in filled.values():
            with pa.ipc.new_stream(file, table.schema) as stream:
                stream.write_table(table)
    return tuple(filled)
