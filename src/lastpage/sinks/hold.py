"""Who writes to a place in an object store, and which change of it is made: one small object.

An object store has no locks. It writes an object only where the one is there that was seen before
(`Store.swap`), and that is enough: `_lastpage/lock` says who writes and, once a change is made,
what has to be copied into place. Both stand in one object, so nobody can make a change who does not
hold the place any more, however long he slept before.

    what is there                          a run that comes
    -------------------------------------  --------------------------------------------------------
    nothing, or it says that nobody holds  takes it
    this state folder holds it             takes it: its lock on this machine says that the other
                                           run is over
    another one, for `LEASE` or less       is refused: `InUseError`, which says who and since when
    another one, for longer                takes it; should the other one live, its next change is
                                           refused before anything of it is in place

It holds anew with each change. The time is that of the store, held against this machine's clock; a
clock that is wrong makes a run wait, or ends one, and loses nothing.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

import msgspec

from lastpage.errors import DestinationError, InUseError
from lastpage.sinks.recorded import KEPT
from lastpage.sinks.sink import refuse_newer
from lastpage.sinks.store import Condition, ConditionError, Small, Store

#: The version of what stands in it.
VERSION = 1
LOCK = f"{KEPT}/lock"
#: How long a place stays held by a run of which nothing is heard. Longer than most days take to be
#: fetched; short enough for a machine that comes back without its state.
LEASE = timedelta(hours=1)
#: What helps where a lock is lost: whether a change was half in place stood in it alone.
REFRESH = "fetch the last days again with --refresh: a change of one may be half in place"
#: What a change is called, and the names that may be copied to.
NAMES = re.compile(r"names|day=\d{4}-(0[1-9]|1[0-2])-\d\d")
OURS = re.compile(r"[a-z_]+/(day=\d{4}-\d\d-\d\d/)?part\.parquet")
TOKEN = re.compile(r"[0-9a-f]{32}")


class Change(msgspec.Struct, frozen=True):
    """A change that is made: what is staged is to be copied into place, in this order."""

    name: str
    #: The name, in the staging, of the folder where the files wait: each by its number.
    token: str
    files: list[str]

    def __post_init__(self) -> None:
        is_ours = TOKEN.fullmatch(self.token) and NAMES.fullmatch(self.name)
        if not (is_ours and self.files and all(map(OURS.fullmatch, self.files))):
            raise ValueError("it names what lastpage never writes")

    def staged(self) -> list[str]:
        """Where its files wait."""
        return [staged(self.token, number) for number in range(len(self.files))]


class Record(msgspec.Struct, frozen=True):
    """What stands in the lock."""

    #: The state folder that holds the place, by a name of its own; empty: nobody.
    writer: str
    #: For people.
    who: str
    change: Change | None = None
    version: int = VERSION
    #: Makes what is written different every time.
    token: str = msgspec.field(default_factory=lambda: secrets.token_hex(16))


class Hold:
    """A place, as a state folder holds it."""

    def __init__(
        self, store: Store, writer: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._store = store
        self._writer = writer
        self._now = now
        self._there: Condition | None = None
        #: The change that is made, and not yet in place.
        self.change: Change | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the place. Raises `InUseError` where another run does."""
        before = self._take()
        try:
            self._check_conditions(before)
            yield
        finally:
            # What is not said now is said by the next run.
            with suppress(DestinationError):
                self._write(Record("", _who(), self.change))

    def mark(self, change: Change | None) -> None:
        """Make a change; or, without one, say that the last one is in place."""
        self._write(Record(self._writer, _who(), change))
        self.change = change

    def _take(self) -> Condition | None:
        """Take the place; what was there before."""
        found = self._store.small(LOCK)
        record = read(self._store, found)
        if found and record.writer not in ("", self._writer):
            silent = self._now() - found.written
            if silent <= LEASE:
                raise InUseError(self._held(record.who, found.written))
        self._there, self.change = found.condition if found else None, record.change
        before = self._there
        if not self._swapped(Record(self._writer, _who(), record.change)):
            raise InUseError(self._held("another run", self._now()))
        return before

    def _write(self, record: Record) -> None:
        if not self._swapped(record):
            if self._store.small(LOCK) is None:
                raise DestinationError(
                    f"{self._store.bucket / LOCK} was removed while this run was writing; run the "
                    f"same command again, and {REFRESH}"
                )
            raise InUseError(
                f"another run has taken {self._store.bucket} over, since nothing was heard of this "
                f"one for {_hours(LEASE)}, or it was told to; what this one has written is there, "
                "and the rest is kept: run the same command again when the other one is done"
            )

    def _swapped(self, record: Record) -> bool:
        condition = self._store.swap(LOCK, msgspec.json.encode(record), self._there)
        if condition:
            self._there = condition
        return bool(condition)

    def _check_conditions(self, before: Condition | None) -> None:
        """Raise `DestinationError` for a store that takes what it has to turn down."""
        stale, record = [before], Record(self._writer, _who(), self.change)
        data = msgspec.json.encode(record)
        if before is None:  # that tries If-None-Match alone, and all later runs rely on If-Match
            stale.append(self._there)
            self._write(record)
        for condition in stale:
            with suppress(ConditionError):
                self._there = self._store.written_if(LOCK, data, condition)
                raise DestinationError(
                    f"{self._store.bucket} cannot be written to safely: its store writes an object "
                    "whatever condition it is given (If-Match, If-None-Match), so two runs could "
                    "not be kept apart; give a store that keeps them, or a folder"
                )

    def _held(self, who: str, since: datetime) -> str:
        ends = since + LEASE
        return (
            f"another run is writing to {self._store.bucket} ({who}, last heard of at "
            f"{since:%Y-%m-%dT%H:%MZ}); wait for it (--wait 10m), or give another destination with "
            "--to. If it was killed, run its command again with its state (--state): that goes on "
            f"at once; any other one can from {ends:%Y-%m-%dT%H:%MZ} on"
        )


def read(store: Store, found: Small | None) -> Record:
    """What a lock says; of one that is not there, that nobody holds the place."""
    if found is None:
        return Record("", "")
    try:
        version = msgspec.json.decode(found.data, type=dict[str, object]).get("version")
        if isinstance(version, int):
            refuse_newer(store.bucket, version, VERSION)
        return msgspec.json.decode(found.data, type=Record)
    except msgspec.MsgspecError:
        place = store.bucket / LOCK
        raise DestinationError(
            f"{place} cannot be read: it is damaged, or lastpage did not make it; where no other "
            f"run is there, remove it, run the same command again, and {REFRESH}"
        ) from None


def staged(token: str = "", number: int | None = None) -> str:
    """Where files wait. Nothing that looks for tables takes them for data: no name ends as one."""
    parts = (KEPT, "staging", token, "" if number is None else f"{number:03}")
    return "/".join(filter(None, parts))


def _who() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


def _hours(span: timedelta) -> str:
    hours = span // timedelta(hours=1)
    return "an hour" if hours == 1 else f"{hours} hours"
