"""Object stores: two writers, a writer that is killed or asleep, what a store answers, and what is put into it when."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests import objects
from tests.contract.kinds import SINKS
from tests.contract.test_look import SAME
from tests.contract.test_sinks import AS_OF, DAY, FEW, US, hours, opened, put, record, stored, write
from tests.crash.steps import Crash, Steps
from tests.crash.test_kill import SPAWN
from tests.crash.victim import replace, replace_over_the_wire
from tests.elsewhere import copied
from tests.inprocess import world
from tests.looker import organisation

from lastpage.errors import DestinationError, InUseError, LastpageError, UsageError
from lastpage.files import Disk
from lastpage.sinks.bucket import Bucket
from lastpage.sinks.destination import Destination
from lastpage.sinks.hold import Hold
from lastpage.sinks.objects import Staged
from lastpage.sinks.sink import TableSink
from lastpage.sinks.store import Store

pytestmark = pytest.mark.skipif(bool(objects.WHY_NOT), reason=objects.WHY_NOT)
KIND = SINKS["objects"]
OLD, NEW = {"h1-0": "old", "h2-0": "old"}, {"h1-0": "new", "h3-0": "new"}
LATER = AS_OF + timedelta(days=1)
DAY_FILE = "conversations/day=2023-10-10/part.parquet"


# A writer that is not alone -----------------------------------------------------------------------


@pytest.fixture
def no_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of which nothing was heard just now is taken for one that is gone."""
    monkeypatch.setattr("lastpage.sinks.hold.LEASE", timedelta(seconds=-1))


def other(folder: Path) -> Destination:
    """The same place, by the state of another machine."""
    return Destination.parse(KIND.at(folder), state=folder / "another-state")


def test_another_run_is_refused(tmp_path: Path) -> None:
    """Who comes while a run has the place is told who has it, since when, and what to do; exit 7, and nothing is changed."""
    with opened(KIND, tmp_path, shredder=FEW) as sink:
        put(sink, [hours(0, 24)], [[record(1)]])
        before = {name: objects.get(tmp_path, name) for name in objects.names(tmp_path)}
        with pytest.raises(InUseError) as refused:
            replace(other(tmp_path), "new", LATER, 3)
        assert before == {name: objects.get(tmp_path, name) for name in objects.names(tmp_path)}
    for part in (f"process {os.getpid()} on ", "--wait 10m", "--state", "any other one can from"):
        assert part in str(refused.value)
    replace(other(tmp_path), "new", LATER, 3)
    assert stored(KIND, tmp_path) == {"h3-0": "new"}


def test_one_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was killed has the place for its own state, which goes on at once; for another one when its lease is over."""
    write(KIND, tmp_path, [hours(0, 24)], [[record(1)]])
    crashing = Steps(20, folder=tmp_path)
    with pytest.raises(Crash):
        write(KIND, tmp_path, [hours(0, 24, as_of=LATER)], [[record(2)]], disk=Disk(crashing))
    left = crashing.left
    with pytest.raises(InUseError, match="another run is writing"):
        replace(other(left), "new", LATER, 3)
    again = copied(left, tmp_path.with_name("again"))
    write(KIND, again, [hours(0, 24, as_of=LATER)], [[record(2, "two")]])
    assert stored(KIND, again) == {"h2-0": "two"}
    monkeypatch.setattr("lastpage.sinks.hold.LEASE", timedelta(seconds=-1))
    replace(other(left), "new", LATER, 3)
    assert stored(KIND, left) == {"h3-0": "new"}


@pytest.mark.invariant("Crash-safe")
def test_one_that_is_killed_twice(tmp_path: Path) -> None:
    """Killed after a change was made, and again before any request of the run that finishes it: the one after that finishes it."""
    first = tmp_path / "0"
    first.mkdir()
    write(KIND, first, [hours(0, 24)], [[record(1, "old")]], shredder=FEW)
    again = [hours(0, 24, as_of=LATER)]
    crashing = Steps(folder=first)

    def copying(name: str) -> None:
        crashing.at = len(crashing.names) + 1 if crashing.names.count("store copy") else 0
        crashing(name)

    with pytest.raises(Crash):
        write(KIND, first, again, [[record(2, "new")]], disk=Disk(copying), shredder=FEW)
    at, is_whole = 0, False
    while not is_whole:
        at += 1
        folder = copied(crashing.left, tmp_path / str(at))
        steps, left = Steps(at, folder=folder), folder
        try:
            with opened(KIND, folder, Disk(steps), shredder=FEW):
                is_whole = True
        except Crash:
            left = steps.left
        with opened(KIND, left, shredder=FEW) as sink:
            assert [each.as_of for each in sink.held(DAY)] == [LATER]
        assert stored(KIND, left) == {"h2-0": "new"}, at
        assert [row["session_id"] for row in KIND.read(left, "sessions")] == ["new"], at
    assert steps.names.count("store copy") > 2


@pytest.mark.invariant("Crash-safe")
@pytest.mark.usefixtures("no_lease")
@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.long)])
def test_one_that_sleeps(tmp_path: Path, every: int) -> None:
    """A run that sleeps before any of its requests while another one takes over: it ends with a sentence, and what the other one wrote stays."""
    steps = Steps()
    first = tmp_path / "0"
    first.mkdir()
    write(KIND, first, [hours(0, 24)], [[record(1, "old"), record(2, "old")]], shredder=FEW)
    whole = copied(first, tmp_path / "whole")
    replace(KIND.destination(whole), "late", LATER, 1, 2, seam=steps)
    taken = steps.names.index("store swap") + 2
    for at in range(taken, len(steps.names) + 1, every):
        folder, count = copied(first, tmp_path / str(at)), Steps()

        def seam(name: str, at: int = at, folder: Path = folder, count: Steps = count) -> None:
            count(name)
            if len(count.names) == at:
                replace(other(folder), "new", LATER + timedelta(days=1), 1, 3)

        try:
            replace(KIND.destination(folder), "late", LATER, 1, 2, seam=seam)
        except DestinationError as problem:
            assert isinstance(problem, InUseError), (at, problem)  # noqa: PT017
            assert "another run has taken" in str(problem)  # noqa: PT017
        assert stored(KIND, folder) == NEW, (at, steps.names[at - 1])
        assert [row["session_id"] for row in KIND.read(folder, "sessions")] == ["new", "new"]
        replace(other(folder), "new", LATER + timedelta(days=1), 1, 3)
        assert not [name for name in objects.names(folder) if "staging" in name]


@pytest.mark.invariant("Crash-safe")
@pytest.mark.usefixtures("no_lease")
def test_one_that_wakes_amid_a_change(tmp_path: Path) -> None:
    """A run that took the place and slept, and wakes where another one's change is made and not yet in place, removes nothing of it."""
    write(KIND, tmp_path, [hours(0, 24)], [[record(1, "old"), record(2, "old")]], shredder=FEW)
    store = Store(Bucket.parse(KIND.at(tmp_path)), str)
    held, woke = Hold(store, "a" * 32), list[str]()
    asleep = Staged(store, held, tmp_path / "asleep", Disk())

    def waking(step: str) -> None:
        if step == "store copy" and not woke:
            with pytest.raises(InUseError, match="another run has taken") as refused:
                asleep.recover()
            woke.append(str(refused.value))

    with held.taken():
        replace(other(tmp_path), "new", LATER, 1, 3, seam=waking)
    assert woke
    assert stored(KIND, tmp_path) == NEW


@pytest.mark.usefixtures("no_lease")
def test_one_whose_change_another_one_finishes(tmp_path: Path) -> None:
    """A run that sleeps before any copy of its change, while another one finishes that, is told that it was taken over, and not to remove the lock."""
    write(KIND, tmp_path, [hours(0, 24)], [[record(1, "old"), record(2, "old")]], shredder=FEW)
    slept = list[str]()

    def seam(step: str) -> None:
        if step == "store copy" and not slept:
            slept.append(step)
            with other(tmp_path).held() as state, other(tmp_path).sink(state, Disk()):
                """It finishes the change."""

    with pytest.raises(InUseError, match="another run has taken"):
        replace(KIND.destination(tmp_path), "new", LATER, 1, 3, seam=seam)
    assert stored(KIND, tmp_path) == NEW


@pytest.mark.parametrize("kept", ["create", "nothing"])
def test_a_new_place_without_conditions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    """A store that keeps If-None-Match and no If-Match, or neither, is refused by the first run of a place."""
    import obstore

    usual = obstore.put

    def careless(*args: Any, mode: Any = None, **more: Any) -> Any:
        return usual(*args, mode=mode if mode == kept else "overwrite", **more)

    monkeypatch.setattr(obstore, "put", careless)
    with pytest.raises(DestinationError, match="cannot be written to safely"):
        write(KIND, tmp_path, [hours(0, 24)], [[record(1)]])
    assert objects.names(tmp_path) == ["_lastpage/lock"]


def test_a_store_that_keeps_no_conditions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that writes whatever the condition is refused before anything else is written."""
    import obstore

    usual = obstore.put

    def careless(*args: Any, mode: Any = None, **more: Any) -> Any:
        return usual(*args, mode="overwrite", **more)

    write(KIND, tmp_path, [hours(0, 24)], [[record(1)]])
    monkeypatch.setattr(obstore, "put", careless)
    with pytest.raises(DestinationError, match="cannot be written to safely"):
        write(KIND, tmp_path, [hours(0, 24, as_of=LATER)], [[record(2)]])
    assert stored(KIND, tmp_path) == {"h1-0": "one"}


@pytest.mark.parametrize("at", range(1, 6))
def test_an_answer_that_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """A conditional write whose answer is lost, and that is sent again and then turned down, is known to be ours."""
    import obstore
    from obstore.exceptions import PreconditionError

    usual, count = obstore.put, [0]

    def losing(*args: Any, **more: Any) -> Any:
        done = usual(*args, **more)
        count[0] += bool(more.get("mode"))
        if more.get("mode") and count[0] == at:
            raise PreconditionError("it is there already")
        return done

    monkeypatch.setattr(obstore, "put", losing)
    write(KIND, tmp_path, [hours(0, 24)], [[record(1)]])
    assert count[0] >= at
    assert stored(KIND, tmp_path) == {"h1-0": "one"}
    replace(other(tmp_path), "new", LATER, 3)  # it was let go


def test_a_conflict_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 turns a conditional write down (409) though nobody wrote, where another one was about to: it is tried again."""
    import obstore
    from obstore.exceptions import AlreadyExistsError

    usual, count = obstore.put, [0]

    def conflicting(*args: Any, **more: Any) -> Any:
        count[0] += bool(more.get("mode"))
        if more.get("mode") and count[0] == 1:
            raise AlreadyExistsError("409 Conflict")
        return usual(*args, **more)

    monkeypatch.setattr(obstore, "put", conflicting)
    write(KIND, tmp_path, [hours(0, 24)], [[record(1)]])
    assert stored(KIND, tmp_path) == {"h1-0": "one"}


@pytest.mark.invariant("Crash-safe")
def test_a_copy_that_is_still_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that answers before it has copied (Azure may): the change is not said to be in place, and the next run finishes it."""
    import obstore
    from obstore.exceptions import AlreadyExistsError

    write(KIND, tmp_path, [hours(0, 24)], [[record(1, "old")]], shredder=FEW)
    azure = KIND.at(tmp_path).replace("s3:", "az:")
    mine = Destination.parse(azure, state=objects.state(tmp_path))

    def pending(store: Any, _name: str, to: str) -> None:
        obstore.put(store, to, b"")

    def refused(*_args: object) -> None:
        raise AlreadyExistsError("409 Conflict <Code>PendingCopyOperation</Code>")

    for copy in (pending, refused):
        with monkeypatch.context() as patched:
            patched.setattr(obstore, "copy", copy)
            with pytest.raises(DestinationError, match="not yet copied all into place; wait a"):
                replace(mine, "new", LATER, 1, 3)
    with mine.look() as sink:
        assert DAY in sink.changing()
    with mine.held() as state, mine.sink(state, Disk()):
        """It finishes the change."""
    assert stored(KIND, tmp_path) == NEW


def test_some_are_gone_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that stops removing at a name that is gone (Google's may): the others are removed nevertheless."""
    import obstore

    usual = obstore.delete

    def stopping(store: Any, paths: str | list[str]) -> None:
        for path in [paths] if isinstance(paths, str) else paths:
            obstore.head(store, path)  # raises `FileNotFoundError`
            usual(store, path)

    KIND.at(tmp_path)
    monkeypatch.setattr(obstore, "delete", stopping)
    for name in "ac":
        objects.put(tmp_path, name, b"")
    Store(Bucket.parse(KIND.at(tmp_path)), str).remove(["a", "b", "c"])
    assert objects.names(tmp_path) == []


def test_a_table_that_cannot_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of a day that is larger than what a store copies is refused before anything of the day is put."""
    write(KIND, tmp_path, [hours(0, 24)], [[record(1, "old")]])
    before = objects.names(tmp_path)
    monkeypatch.setattr("lastpage.sinks.objects.COPY_MAX", 100_000)
    large = record(2, os.urandom(200_000).hex())
    with pytest.raises(DestinationError, match=r"/part\.parquet would .* fewer tables or"):
        write(KIND, tmp_path, [hours(0, 24, as_of=LATER)], [[large]])
    assert objects.names(tmp_path) == before
    assert stored(KIND, tmp_path) == {"h1-0": "old"}
    write(KIND, tmp_path, [hours(0, 24, as_of=LATER)], [[record(2, "new")]])
    assert stored(KIND, tmp_path) == {"h2-0": "new"}


# What is put, and when ----------------------------------------------------------------------------


def test_nothing_is_put_of_what_failed(tmp_path: Path) -> None:
    """Where building a day fails, after whole row groups of it, not one object is put, visible or staged."""
    write(KIND, tmp_path, [hours(0, 24)], [[record(1, "old")]])
    steps = Steps()

    def pages() -> Iterator[list[Any]]:
        yield [record(2, "x" * 100_000, number) for number in range(200)]
        raise KeyboardInterrupt

    before = {name: objects.get(tmp_path, name) for name in objects.names(tmp_path)}
    with pytest.raises(KeyboardInterrupt):
        write(KIND, tmp_path, [hours(0, 24, as_of=LATER)], pages(), disk=Disk(steps))
    after = {name: objects.get(tmp_path, name) for name in objects.names(tmp_path)}
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        "_lastpage/lock"
    }
    assert not {"store write", "store copy"} & set(steps.names)


def test_what_readers_find(tmp_path: Path) -> None:
    """At every step, what a glob or a list of a table finds is a whole Parquet file, `conversations` last; nothing that is staged ends as one."""
    found, old = set[str](), dict[str, bytes]()

    def look(_step: str) -> None:
        new = {name for name, data in old.items() if objects.get(tmp_path, name) != data}
        assert DAY_FILE not in new or len(new) == len(old)
        for name in objects.names(tmp_path):
            found.add(name.split("/")[0] if "staging" not in name else "staging")
            assert name.endswith(".parquet") != name.startswith("_lastpage/")
            if name.endswith(".parquet"):
                assert objects.get(tmp_path, name).endswith(b"PAR1")

    for as_of in (AS_OF, LATER):
        again = [hours(0, 24, as_of=as_of)]
        pages = [[record(1), record(2, '{"odd": 1}')]] if as_of == LATER else [[]]
        write(KIND, tmp_path, again, pages, disk=Disk(look), shredder=FEW)
        filled = (DAY_FILE, DAY_FILE.replace("conversations", "sessions"))
        old = {name: objects.get(tmp_path, name) for name in filled}
    assert {"staging", "_lastpage", "conversations", "sessions"} <= found


@pytest.mark.invariant("Crash-safe")
def test_a_lost_state(tmp_path: Path) -> None:
    """The state is gone: what the objects record is all that is needed, and nothing is there twice."""
    made = world(per_day=12)
    place, asked = KIND.at(tmp_path), {"names": False, "tables": ["sessions"]}
    span = "2023-10-10/2023-10-12"
    assert made.cloud().fetch(span, place, state=tmp_path / "one", **asked).coverage == "complete"
    before = KIND.read(tmp_path, "sessions")
    summary = made.cloud().fetch(span, place, state=tmp_path / "two", **asked)
    assert summary.coverage == "complete"
    assert KIND.read(tmp_path, "sessions") == before
    assert len(KIND.read(tmp_path, "conversations")) == summary.conversations
    with pytest.raises(UsageError, match="other filters"):
        made.cloud().fetch(span, place, state=tmp_path / "three", media="voice", **asked)


def test_a_folder_that_was_copied_there(tmp_path: Path) -> None:
    """A folder of Parquet that was copied to a prefix, with all that is in it, is gone on with there; and back again."""
    parquet = SINKS["parquet"]
    write(parquet, tmp_path, [hours(0, 12)], [[record(1)]], shredder=FEW)
    KIND.at(tmp_path)
    objects.up(parquet.at(tmp_path), tmp_path)
    with KIND.looked_at(tmp_path) as sink:
        assert sink.damaged() == {}
    write(KIND, tmp_path, [hours(12, 24)], [[record(13, "two")]], shredder=FEW)
    assert stored(KIND, tmp_path) == {"h1-0": "one", "h13-0": "two"}
    objects.down(tmp_path).rename(tmp_path / "back")
    with Destination.parse(str(tmp_path / "back")).look() as found:
        assert found.damaged() == {}
        assert sum(each.conversations for each in found.held(DAY)) == 2


@pytest.mark.parametrize("name", ["conversations/day=2023-10-10/part.csv", "thesis.docx"])
def test_what_is_not_ours(tmp_path: Path, name: str) -> None:
    """A prefix with files of another format, or with other things, is refused, and nothing is put there."""
    KIND.at(tmp_path)
    objects.put(tmp_path, name, b"years of work")
    with pytest.raises(LastpageError, match="give a") as refused:
        write(KIND, tmp_path, [hours(0, 24)], [[record(1)]])
    assert refused.value.exit_code in (2, 6)
    assert objects.names(tmp_path) == [name]


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"{}", "cannot be read.* --refresh"),
        (b"junk", "cannot be read.* --refresh"),
        (b'{"version":2}', "newer lastpage"),
        (
            b'{"writer":"","who":"","change":{"name":"names","token":"../..","files":["a"]}}',
            "cannot be read",
        ),
        (
            json.dumps(
                {
                    "writer": "",
                    "who": "",
                    "change": {"name": "names", "token": "a" * 32, "files": []},
                }
            ).encode(),
            "cannot be read",
        ),
        (
            json.dumps(
                {
                    "writer": "",
                    "who": "",
                    "change": {"name": "names", "token": "a" * 32, "files": ["../../their/thesis"]},
                }
            ).encode(),
            "cannot be read",
        ),
    ],
)
def test_a_lock_that_is_none(tmp_path: Path, data: bytes, match: str) -> None:
    """A lock that is not as it was written, or names what is not ours, is refused; no name of it becomes a key."""
    write(KIND, tmp_path, [hours(0, 24)], [[record(1)]])
    objects.put(tmp_path, "_lastpage/lock", data)
    before = objects.names(tmp_path)
    with pytest.raises(LastpageError, match=match):
        write(KIND, tmp_path, [hours(0, 24)], [[record(2)]])
    assert objects.names(tmp_path) == before


def test_what_was_staged_is_gone(tmp_path: Path) -> None:
    """A change that is made, and whose objects somebody removed, is not passed over: a sentence says what to do, and that helps."""
    write(KIND, tmp_path, [hours(0, 24)], [[record(1)]], shredder=FEW)
    steps = Steps(folder=tmp_path)

    def removing(name: str) -> None:
        if name == "store copy":
            objects.remove(tmp_path, "_lastpage/staging/")
        steps(name)

    again = [hours(0, 24, as_of=LATER)]
    with pytest.raises(DestinationError, match="is gone, or a part of it, and was to become"):
        write(KIND, tmp_path, again, [[record(2)]], disk=Disk(removing), shredder=FEW)
    with pytest.raises(DestinationError, match=r"remove s3://.*/_lastpage/lock") as refused:
        write(KIND, tmp_path, again, [[record(2)]], shredder=FEW)
    assert "\n" not in str(refused.value)
    objects.remove(tmp_path, "_lastpage/lock")
    write(KIND, tmp_path, again, [[record(2)]], shredder=FEW)
    assert stored(KIND, tmp_path) == {"h2-0": "one"}


# URLs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:secret@bucket/prefix",
        "s3://bucket/prefix?secret=x",
        "s3://bucket/prefix#secret",
        "s3://bucket:9000/secret",
        "s3:/bucket/secret",
        "s3://Bucket/secret",
        "s3://b/secret",
        "s3:///secret",
        "s3://bucket/secret/../other",
        "s3://bucket//secret",
        "s3://bucket/secret/*.parquet",
        "s3://bucket/secret%2F",
        "s3://bucket/secret\x00",
        "s3://bucket/se cret",
        "gs://bucket/secret\n",
        f"az://bucket/secret{'x' * 1000}",
    ],
)
def test_what_is_no_url_of_a_bucket(text: str) -> None:
    """One sentence, exit 2, that quotes nothing of what may be a secret."""
    with pytest.raises(UsageError) as refused:
        Destination.parse(text)
    assert "secret" not in str(refused.value).replace("secrets", "")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["s3://bucket", "S3://bucket/a/b=c/", "gs://bucket/a", "az://box/a"]
)
def test_a_url_of_a_bucket(text: str) -> None:
    """What is shown is what was given, without what says nothing; the state is this machine's, one a place."""
    destination = Destination.parse(text)
    assert destination.text == text.replace("S3", "s3").removesuffix("/")
    assert destination.state
    assert destination.state != Destination.parse(f"{text.removesuffix('/')}/b").state
    assert Destination.parse(text, state="here").state == Path("here")
    with pytest.raises(UsageError, match="gets Parquet"):
        Destination.parse(text, "delta")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library is missing, a sentence says how to get it."""
    monkeypatch.setattr("lastpage.sinks.destination.find_spec", lambda _name: None)
    with pytest.raises(UsageError, match=r"s3:// needs .* pip install 'lastpage\[s3\]'"):
        Destination.parse("s3://bucket/prefix")


@pytest.mark.parametrize(
    ("url", "allow", "match"),
    [
        ("http://store.example", "", "in the open"),
        ("http://user:secret@store.example", "", "in the open"),
        ("ftp://store.example", "", "is not a URL"),
        ("http://[secret", "", "is not a URL"),
        ("http://store.example", "true", ""),
        ("http://127.0.0.1:9000", "", ""),
        ("https://store.example", "", ""),
    ],
)
def test_where_secrets_may_go(
    monkeypatch: pytest.MonkeyPatch, url: str, allow: str, match: str
) -> None:
    """Without TLS only to this machine, or where that is allowed; nothing of the address is told but the variable."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", allow)
    if not match:
        assert Bucket.parse("s3://bucket/prefix").allows_http == (not url.startswith("https"))
        return
    with pytest.raises(UsageError, match=match) as refused:
        Bucket.parse("s3://bucket/prefix")
    assert "secret" not in str(refused.value)
    Bucket.parse("gs://bucket/prefix")


# What a store answers -----------------------------------------------------------------------------

SECRET = "AKIASECRETOFTHETESTS"


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, str]]]:
    """A server that answers every request with the first of these."""
    answers: list[tuple[int, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            """Nothing is told."""

        def do(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            status, code = answers[0]
            body = f"<Error><Code>{code}</Code><AWSAccessKeyId>{SECRET}</AWSAccessKeyId></Error>"
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body.encode())

        do_GET = do_PUT = do_HEAD = do_POST = do  # noqa: N815 - the library's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    lead(monkeypatch, server.server_port)
    monkeypatch.setattr("lastpage.sinks.store.RETRIES", {"max_retries": 0})
    yield answers
    server.shutdown()
    server.server_close()


def lead(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", SECRET)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


ANSWERS = [
    (404, "NoSuchBucket", "there is no such bucket"),
    (403, "AccessDenied", "may not do that; let its owner grant"),
    (403, "InvalidAccessKeyId", "does not know these credentials"),
    (403, "SignatureDoesNotMatch", "the secret key is not that"),
    (400, "ExpiredToken", "the credentials have expired"),
    (301, "PermanentRedirect", "in another region; set AWS_REGION"),
    (400, "AuthorizationHeaderMalformed", "in another region; set AWS_REGION"),
    (403, "RequestTimeTooSkewed", "clock of this machine is wrong"),
    (400, "TeapotError", "it answered 400 TeapotError; mend that"),
    (503, "SlowDown", "it answered 503 SlowDown"),
]


@pytest.mark.parametrize(("status", "code", "match"), ANSWERS)
def test_what_a_store_answers(
    answering: list[tuple[int, str]], tmp_path: Path, status: int, code: str, match: str
) -> None:
    """One sentence, exit 6, with what to do, and nothing of what the answer quotes."""
    answering.append((status, code))
    destination = Destination.parse("s3://bucket-of-tests/prefix", state=tmp_path / "state")
    with pytest.raises(DestinationError, match=match) as refused:
        replace(destination, "new", AS_OF, 1)
    said = str(refused.value)
    assert said.startswith("cannot use s3://bucket-of-tests/prefix: ")
    assert SECRET not in said
    assert "\n" not in said
    assert not (tmp_path / "state").exists()


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The same where there is no server; asking again does not take minutes."""
    lead(monkeypatch, 1)
    from lastpage.sinks import store

    assert store.RETRIES["max_retries"] * 15 <= 60
    assert store.RETRIES["retry_timeout"] <= timedelta(minutes=1)
    monkeypatch.setattr(store, "RETRIES", {"max_retries": 0})
    destination = Destination.parse("s3://bucket-of-tests/prefix", state=tmp_path / "state")
    with pytest.raises(DestinationError, match=r"127\.0\.0\.1 cannot be reached"):
        replace(destination, "new", AS_OF, 1)


def test_no_secret_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the credentials is in the state, or in any object."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    made = world(per_day=3)
    made.cloud().fetch("2023-10-10", KIND.at(tmp_path), names=False)
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    texts += [objects.get(tmp_path, name) for name in objects.names(tmp_path)]
    assert len(texts) > 10
    assert not [text for text in texts if SECRET.encode() in text]


# Over a wire, from two processes ------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    with objects.emulator() as environment:
        yield environment


@pytest.fixture
def there(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)


def wire(name: str, state: Path) -> Destination:
    return Destination.parse(f"s3://{objects.BUCKET}/wire/{name}", state=state)


def tags(destination: Destination) -> dict[str, str]:
    """What is there, by our own reader."""
    with destination.look() as sink:
        rows = [row for part in sink.read("conversations", DAY) for row in part.to_pylist()]
        people = [row for part in sink.read("sessions", DAY) for row in part.to_pylist()]
    found = {row["conversation_id"]: row["external_tag"] for row in rows}
    assert sorted(row["session_id"] for row in people) == sorted(found.values())
    return found


def run(environment: dict[str, str], name: str, state: Path, tag: str, kill_at: int = 0) -> int:
    """A process that replaces the day; its exit code."""
    url = f"s3://{objects.BUCKET}/wire/{name}"
    numbers, as_of = {"old": ((1, 2), AS_OF), "new": ((1, 3), LATER)}[tag]
    asked = (environment, url, str(state), tag, as_of, numbers, kill_at)
    process = SPAWN.Process(target=replace_over_the_wire, args=asked)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


@pytest.mark.usefixtures("there")
def test_two_processes(s3: dict[str, str], tmp_path: Path) -> None:
    """While one process writes, another one is refused, by the store alone; afterwards it is not."""
    mine = wire("two", tmp_path / "mine")
    with mine.held() as state, mine.sink(state, Disk()) as sink:
        assert isinstance(sink, TableSink)
        sink.claim(US, FEW)
        assert run(s3, "two", tmp_path / "theirs", "new") == 7
        sink.replace(DAY, [hours(0, 24)], [[record(1, "old"), record(2, "old")]])
        assert run(s3, "two", tmp_path / "theirs", "new") == 7
    assert tags(mine) == OLD
    assert run(s3, "two", tmp_path / "theirs", "new") == 0
    assert tags(mine) == NEW


@pytest.mark.usefixtures("there")
def test_all_is_removed_meanwhile(tmp_path: Path) -> None:
    """Somebody removes the lock while a run has it: nothing more is written, and a sentence says why; the same command has it anew."""
    import boto3

    mine = wire("removed", tmp_path / "mine")
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    with mine.held() as state, mine.sink(state, Disk()) as sink:
        assert isinstance(sink, TableSink)
        sink.claim(US, FEW)
        client.delete_object(Bucket=objects.BUCKET, Key="wire/removed/_lastpage/lock")
        with pytest.raises(DestinationError, match=r"/_lastpage/lock was removed .* --refresh"):
            sink.replace(DAY, [hours(0, 24)], [[record(1, "old")]])
    assert tags(mine) == {}
    replace(mine, "old", AS_OF, 1, 2)
    assert tags(mine) == OLD


@pytest.mark.invariant("Crash-safe")
@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.long)])
def test_killed_at_requests(s3: dict[str, str], tmp_path: Path, every: int) -> None:
    """Killed (-9) before a request to the store, a day is there as it was, or new, or said to be changing; the same state goes on at once, another one is refused."""
    names, seen = list[str](), set[str]()
    replace(wire("whole", tmp_path / "whole"), "old", AS_OF, 1, 2)
    replace(wire("whole", tmp_path / "whole"), "new", LATER, 1, 3, seam=names.append)
    names = [name for name in names if name.startswith("store")]
    for kill_at in range(1, len(names) + 1):
        if kill_at % every and names[kill_at - 1] not in ("store swap", "store copy"):
            continue
        name, state = f"killed-{every}-{kill_at}", tmp_path / str(kill_at)
        mine, other_one = wire(name, state), wire(name, tmp_path / "another")
        replace(mine, "old", AS_OF, 1, 2)
        assert run(s3, name, state, "new", kill_at) == -signal.SIGKILL
        with mine.look() as sink:
            is_changing = DAY in sink.changing()
        if is_changing:
            seen.add("changing")
        else:
            found = tags(mine)
            assert found in (OLD, NEW)
            seen.add(next(iter(found.values())))
        try:
            replace(other_one, "new", LATER, 1, 3)
        except InUseError:
            seen.add("refused")
            replace(mine, "new", LATER, 1, 3)
        assert tags(mine) == NEW
    assert seen >= {"old", "changing", "refused"}


@pytest.mark.usefixtures("there")
def test_a_large_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is larger than a part comes in parts, and is there whole; where building it fails, no part was begun."""
    import boto3

    monkeypatch.setattr("lastpage.sinks.store.PART_BYTES", 5 * 1024**2)
    large, destination = os.urandom(6 * 1024**2).hex(), wire("large", tmp_path / "state")
    replace(destination, large, AS_OF, 1)
    found = tags(destination)
    assert found == {"h1-0": large}
    client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    key = "wire/large/conversations/day=2023-10-10/part.parquet"
    assert client.head_object(Bucket=objects.BUCKET, Key=key)["ContentLength"] > 6 * 1024**2

    def pages() -> Iterator[list[Any]]:
        yield [record(2, large)]
        raise KeyboardInterrupt

    with destination.held() as state, destination.sink(state, Disk()) as sink:
        assert isinstance(sink, TableSink)
        sink.claim(US, FEW)
        with pytest.raises(KeyboardInterrupt):
            sink.replace(DAY, [hours(0, 24, as_of=LATER)], pages())
    assert tags(destination) == found
    assert "Uploads" not in client.list_multipart_uploads(Bucket=objects.BUCKET)


@pytest.mark.usefixtures("there")
def test_years_of_days(tmp_path: Path) -> None:
    """What many days hold is read by several requests at a time, and is what was written."""
    destination = wire("years", tmp_path / "state")
    days = [date(2023, 10, 10) + timedelta(days=number) for number in range(3)]
    with destination.held() as state, destination.sink(state, Disk()) as sink:
        assert isinstance(sink, TableSink)
        sink.claim(US, FEW)
        for day in days:
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            span = hours(24 * days.index(day), 24 * days.index(day) + 24)
            assert span.interval.start == start
            sink.replace(day, [span], [])
    with destination.record() as recorded:
        assert list(recorded.committed()) == days
    with destination.look() as looked:
        assert looked.damaged() == {}


#: How others read a table by its prefix: Polars, then pyarrow. Each prints its rows.
BY_OTHERS = """
import datetime, os, sys
import polars as pl
import pyarrow.dataset as ds
from pyarrow import fs

place, day, server = sys.argv[1], datetime.date.fromisoformat(sys.argv[2]), os.environ["AWS_ENDPOINT_URL"]
options = {
    "aws_endpoint_url": server,
    "aws_access_key_id": "tests",
    "aws_secret_access_key": "none",
    "aws_region": "us-east-1",
    "aws_allow_http": "true",
}
rows = pl.scan_parquet(f"s3://{place}/", hive_partitioning=True, storage_options=options)
print(rows.filter(pl.col("day") == day).select("external_tag").collect().height)
store = fs.S3FileSystem(
    endpoint_override=server.removeprefix("http://"), scheme="http",
    access_key="tests", secret_key="none", region="us-east-1",
)
print(ds.dataset(place, filesystem=store, partitioning=ds.partitioning(flavor="hive")).count_rows())
"""


def elsewhere(program: str, *arguments: str) -> str:
    """What a program prints in a process of its own.

    The emulator is in this one, and Polars 1.0 keeps Python's lock while it waits for it.
    """
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.usefixtures("there")
def test_read_by_others(tmp_path: Path) -> None:
    """Polars and pyarrow read a table by its prefix, over the wire, with the day as a column."""
    replace(wire("others", tmp_path / "state"), "new", LATER, 1, 3)
    place = f"{objects.BUCKET}/wire/others/conversations"
    assert elsewhere(BY_OTHERS, place, DAY.isoformat()).split() == ["2", "2"]


@pytest.mark.usefixtures("there")
def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/object-stores.md shows in Python runs, over the wire."""
    import boto3

    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).create_bucket(Bucket="bucket")
    made = world(per_day=12)
    chosen: Any = {"tables": ["segments", "conversation_overview"], "names": False}
    made.cloud().fetch("2023-10-10", "s3://bucket/calls", state=tmp_path / "state", **chosen)
    page = (Path(__file__).parents[2] / "docs" / "object-stores.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        assert elsewhere(block)


@pytest.mark.usefixtures("there")
def test_no_right_to_write(tmp_path: Path) -> None:
    """`verify`, in a process that may write nowhere, while another run holds the place, leaves no trace."""
    import obstore
    from obstore.store import S3Store

    made, state = organisation(), tmp_path / "state"
    place = f"s3://{objects.BUCKET}/wire/read-only"
    made.cloud().fetch("2023-10-10/2023-10-12", place, state=state)
    store = S3Store(objects.BUCKET, client_options={"allow_http": True})
    destination = Destination.parse(place, state=state)
    with destination.held() as held, destination.sink(held, Disk()):
        before = {each["path"]: each["e_tag"] for part in obstore.list(store) for each in part}
        found = made.cloud().verify(place, content=True, state=tmp_path / "none")
        assert {str(each.day): each.state for each in found.proofs} == SAME
        assert before == {
            each["path"]: each["e_tag"] for part in obstore.list(store) for each in part
        }
    assert not (tmp_path / "none").exists()
