"""How extractors of this data lose it: a catalogue of the field's mistakes, a test each, through the door that users come by.

docs/pitfalls.md is the table of contents. Everything runs against the emulated organisation.
"""

import json
import logging
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lastpage import Cloud, Credentials, UnavailableError
from lastpage.api.messages import Answer, Call
from lastpage.errors import RefusedError
from lastpage.planning.slices import Slice
from lastpage_sandbox import Sandbox, Settings
from lastpage_sandbox.server import Server
from tests.inprocess import NOW, InProcess, World, talk, world
from tests.readback import ids, lines, table

DAY = datetime(2023, 10, 10, tzinfo=UTC)
DAYS = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
TODAY = NOW.replace(hour=0, minute=0, second=0)
MORNING = "2023-10-20T09:00Z/2023-10-20T15:00Z"
PLAN = sys.modules[Slice.__module__]


def truth(made: World, start: datetime = DAY, end: datetime | None = None) -> list[str]:
    return sorted(made.truth(start, end or start + DAYS))


def minutely(count: int, start: datetime = DAY) -> World:
    """An organisation of so many conversations, one a minute."""
    made = world(per_day=0)
    made.sandbox.world.add(*(talk(number, start + number * MINUTE) for number in range(count)))
    return made


def positions(made: World) -> list[tuple[str, str]]:
    """Where the result pages that were given stood: job and cursor."""
    served = [
        entry
        for entry in made.sandbox.log
        if entry.endpoint == "jobs.results" and entry.status == 200
    ]
    return [(entry.path, entry.query.get("cursor", "")) for entry in served]


@dataclass
class Listening(InProcess):
    """Keeps what is sent, and may change what comes back."""

    edit: Callable[[bytes], bytes] = lambda body: body
    credentials: set[str] = field(default_factory=set)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        self.credentials.add(headers["Authorization"].split()[-1])
        answer = super().send(base, call, headers)
        return Answer(answer.status, answer.headers, self.edit(answer.raw))


# Paging ---------------------------------------------------------------------------------------------------------------


def test_one_failed_page_throws_the_run_away(tmp_path: Path) -> None:
    """A page that fails for good takes the pages before it along, and a checkpoint that ages jumps forward: weeks are gone.

    Here what was read is kept, the hole is not stepped over, and the same command goes on at the page that failed.
    """
    made = world()
    with made.outage("jobs.results", "pass", "pass"):
        made.cloud().fetch("2023-10-10", tmp_path, page_size=100)
    made.clock.sleep(3600)
    assert made.cloud().fetch("2023-10-10", tmp_path, page_size=100).coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made)
    assert max(Counter(positions(made)).values()) == 1
    assert len({job for job, _ in positions(made)}) == 1


def test_the_wall_is_left_to_the_user(tmp_path: Path) -> None:
    """A query gives only so many rows, and the user is told to move the start date: the day is gone.

    Here the day is cut until its parts fit, and the user is told nothing because there is nothing to do.
    """
    made = world(per_day=900, pagination_cap=300)
    assert made.cloud().fetch("2023-10-10", tmp_path, paginate="pages").coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made)


def test_a_page_number_in_the_wrong_place(tmp_path: Path) -> None:
    """A page number beside `paging` instead of in it is ignored: page 1 comes for ever, until its rows add up to the count.

    Here every page is another one, counted by ids and not by rows, against an emulator that ignores what the API ignores.
    """
    made = minutely(250)
    summary = made.cloud().fetch("2023-10-10", tmp_path, paginate="pages")
    assert (summary.coverage, summary.duplicates) == ("complete", 0)
    assert sorted(ids(tmp_path)) == truth(made)


def test_results_by_page_number(tmp_path: Path) -> None:
    """A job's results asked for by page number give copies of page 1.

    Here they are asked for by the cursor of the page before, and every cursor is used once.
    """
    made = world()
    made.cloud().fetch("2023-10-10", tmp_path, page_size=100)
    cursors = [cursor for _, cursor in positions(made)]
    assert cursors[0] == ""
    assert len(set(cursors)) == len(cursors) > 2
    assert sorted(ids(tmp_path)) == truth(made)


@pytest.mark.parametrize(
    "words", [["empty-page"], ["short-page"], ["repeat-page"], []], ids=lambda words: str(*words)
)
def test_stopping_at_an_odd_page(tmp_path: Path, words: list[str]) -> None:
    """A walk that ends at an empty, short or repeated page, or at the twentieth, loses the tail without a word.

    Here a walk ends where there is no cursor any more, and nowhere else.
    """
    made = world(per_day=100)
    made.sandbox.faults.put("jobs.results", "pass", *words)
    assert made.cloud().fetch("2023-10-10", tmp_path, page_size=4).coverage == "complete"
    assert len(positions(made)) > 20
    assert made.sandbox.counters["jobs.submit"] == 1  # and not: read again, because a count said so
    assert sorted(ids(tmp_path)) == truth(made)


def test_a_cursor_where_there_is_none() -> None:
    """The synchronous answer has neither cursor nor page count; a script that looks for one gets the first 25 rows and calls it all.

    Here that way goes by page numbers, to the page that has no conversations.
    """
    made = minutely(130)
    pages = list(made.cloud().pages("2023-10-10", paginate="pages"))
    assert [page.continuation for page in pages] == [2, 3, None]
    assert sorted(each["conversationId"] for page in pages for each in page.conversations) == truth(
        made
    )


@pytest.mark.parametrize(("count", "pages"), [(100, 2), (250, 4)])
def test_the_first_count_is_the_truth(tmp_path: Path, count: int, pages: int) -> None:
    """Pages are counted off by the first page's total, which is an estimate: rows are lost, or at exactly one page, all.

    Here totals are evidence of a gap and never end a walk; at the border of a page nothing happens.
    """
    made = minutely(count)
    object.__setattr__(made.sandbox.settings, "total_hits_moves", 90)
    made.cloud().fetch("2023-10-10", tmp_path, paginate="pages")
    asked = [
        entry.json["paging"] for entry in made.sandbox.log if entry.endpoint == "details.query"
    ]
    assert max(paging["pageNumber"] for paging in asked) == pages
    assert sorted(ids(tmp_path)) == truth(made)


# Time -----------------------------------------------------------------------------------------------------------------


def test_the_newest_end_as_a_checkpoint(tmp_path: Path) -> None:
    """A checkpoint at the newest end filters out what ended before it and arrived after it: late rows never come.

    Here days are replaced by what started in them, so whatever arrives late is there at the next reading.
    """
    made = minutely(60, TODAY + 10 * HOUR)
    late = talk(99, TODAY + 10 * HOUR, arrival_ms=round((NOW + HOUR).timestamp() * 1000))
    made.sandbox.world.add(late)
    assert made.cloud().fetch(MORNING, tmp_path).finality == "provisional"
    assert late.id not in ids(tmp_path)
    made.clock.sleep(2 * 86_400)
    assert made.cloud().fetch(MORNING, tmp_path).finality == "final"
    assert late.id in ids(tmp_path)


def test_a_job_past_the_watermark(tmp_path: Path) -> None:
    """Past the watermark a job succeeds with a part of the data, without an error and without a flag.

    Here what lies past it is read by page numbers; a job that is forced there is never called complete.
    """
    made = world(per_day=600)
    assert made.cloud().fetch(MORNING, tmp_path / "auto").coverage == "complete"
    assert sorted(ids(tmp_path / "auto")) == truth(made, TODAY + 9 * HOUR, TODAY + 15 * HOUR)
    forced = made.cloud().fetch(MORNING, tmp_path / "forced", paginate="cursor")
    assert (forced.coverage, forced.finality) == ("unproven", "provisional")
    assert any("jobs reached only to" in note for note in forced.notes)
    assert len(ids(tmp_path / "forced")) < len(ids(tmp_path / "auto"))


def test_a_thread_once_a_window(tmp_path: Path) -> None:
    """A conversation that is active in several windows is appended once for each, the first copies without an end.

    Here it belongs to the day it started in, and is there once, with its end.
    """
    made = world(per_day=0)
    thread = talk(1, DAY + 9 * HOUR, minutes=2 * 24 * 60, media="email")
    made.sandbox.world.add(thread)
    for day in (10, 11, 12):
        made.cloud().fetch(f"2023-10-{day}", tmp_path, media="email")
    assert [row["conversation_end"] for row in table(tmp_path)] == [DAY + 2 * DAYS + 9 * HOUR]


def test_a_call_across_midnight(tmp_path: Path) -> None:
    """A call that crosses midnight UTC is read while it goes on, and never again: its end and its wrap-up are missing.

    Here its day is provisional until it has ended, and the next reading of that day brings the whole call.
    """
    night = DAY + 23 * HOUR + 50 * MINUTE
    made = world(night + 6 * MINUTE, per_day=0)
    made.sandbox.world.add(talk(1, night, minutes=30))
    assert made.cloud().fetch("2023-10-10", tmp_path).finality == "provisional"
    assert [row["conversation_end"] for row in table(tmp_path)] == [None]
    made.clock.sleep(3 * 86_400)
    assert made.cloud().fetch("2023-10-10/2023-10-12", tmp_path).finality == "final"
    assert [row["conversation_end"] for row in table(tmp_path)] == [night + 30 * MINUTE]


def test_an_end_that_was_not_the_end(tmp_path: Path) -> None:
    """An answer to an old email opens a conversation again; a script that took its first end for the last keeps half a thread.

    Here the later reading stands, although the earlier one was final; `verify` finds the day, and reads it again.
    """
    made = world(per_day=0)
    made.sandbox.world.add(talk(1, DAY, minutes=60, media="email"))
    assert made.cloud().fetch("2023-10-10", tmp_path).finality == "final"
    made.sandbox.world.add(talk(1, DAY, minutes=None, media="email"))
    made.clock.sleep(3600)
    again = made.cloud().fetch("2023-10-10", tmp_path, refresh=True)
    assert again.finality == "provisional"
    assert [row["conversation_end"] for row in table(tmp_path)] == [None]
    made.sandbox.world.add(talk(1, DAY, minutes=3 * 24 * 60, media="email"))
    cloud = made.cloud()
    assert [proof.state for proof in cloud.verify(tmp_path, content=True).proofs] == ["changed"]
    cloud.verify(tmp_path, content=True, repair=True)
    assert [row["conversation_end"] for row in table(tmp_path)] == [DAY + 3 * DAYS]


# Failing --------------------------------------------------------------------------------------------------------------


def test_a_failure_that_is_swallowed(tmp_path: Path) -> None:
    """An error is caught, the part that came is kept as if it were all, and the watermark moves on.

    Here it ends with an error, nothing is written of the part, and the same command brings the whole.
    """
    made = world()
    with made.outage("jobs.results", "pass"):
        made.cloud().fetch("2023-10-10", tmp_path, page_size=100)
    assert ids(tmp_path) == []
    made.cloud().fetch("2023-10-10", tmp_path, page_size=100)
    assert sorted(ids(tmp_path)) == truth(made)


def test_a_submission_sent_again(tmp_path: Path) -> None:
    """A submission whose answer is lost is sent again and again, each a job that runs and that nobody deletes.

    Here it is sent three times at most, and every job whose id is known is deleted, also one that is given up.
    """
    made = world()
    made.sandbox.faults.put("jobs.submit", *["cut-after-0k"] * 8)
    with pytest.raises(UnavailableError):
        made.cloud().fetch("2023-10-10", tmp_path / "cut")
    assert made.sandbox.counters["jobs.submit"] == 3
    made = world()
    made.sandbox.faults.put("jobs.results", "pass", "loop-cursor")
    assert (
        made.cloud().fetch("2023-10-10", tmp_path / "given up", page_size=100).coverage
        == "complete"
    )
    assert made.sandbox.counters["jobs.submit"] == 2
    assert made.sandbox.jobs.live == []


def test_a_429_that_is_not_understood(tmp_path: Path) -> None:
    """A 429 is known by its reason phrase, or only with `Retry-After`, or slept on for a quarter of an hour: runs die or hang.

    Here the status is enough, an announced wait is obeyed, another is short, and one beyond all reason is an error at once.
    """
    made = world()
    made.sandbox.faults.put("jobs.results", "return-429", "return-429-after:7", "return-429")
    assert made.cloud().fetch("2023-10-10", tmp_path).coverage == "complete"
    assert 7 <= made.clock.now() - NOW.timestamp() < 60
    made.sandbox.faults.put("jobs.results", "return-429-after:1000")
    before = made.clock.now()
    with pytest.raises(UnavailableError):
        made.cloud().fetch("2023-10-11", tmp_path)
    assert made.clock.now() - before < 60


def test_a_token_for_the_whole_run(tmp_path: Path) -> None:
    """A token that is fetched once ends in the middle of a long run, and there is no refresh token to renew it with.

    Here it is renewed before it ends, and when it is refused, and no page is lost.
    """
    made = world(token_lifetime_s=300, job_seconds=1200)
    assert made.cloud().fetch("2023-10-10", tmp_path).coverage == "complete"
    assert made.sandbox.counters["token"] > 4
    assert all(entry.status != 401 for entry in made.sandbox.log)
    assert sorted(ids(tmp_path)) == truth(made)


def test_a_job_that_failed_is_no_result(tmp_path: Path) -> None:
    """A job that failed or expired is polled for ever, or read as if it were done.

    Here it is given up with whatever it gave, and another is submitted.
    """
    made = world()
    made.sandbox.faults.put("jobs.status", "fail-job", "expire-job", "cancel-job")
    assert made.cloud().fetch("2023-10-10", tmp_path).coverage == "complete"
    assert made.sandbox.counters["jobs.submit"] == 4
    assert sorted(ids(tmp_path)) == truth(made)


def test_polling_without_bound(tmp_path: Path) -> None:
    """Polls that grow to minutes notice a job long after it is done, and a job that hangs hangs the run.

    Here a job is noticed half a minute after it is done at the latest, and one that hangs is given up after two hours.
    """
    made = world(job_seconds=100)
    made.cloud().fetch("2023-10-10", tmp_path / "slow")
    assert made.clock.now() - NOW.timestamp() < 100 + 45
    made = world(job_polls=1_000_000)
    hanging = made.cloud().fetch("2023-10-10", tmp_path / "hanging", paginate="cursor")
    assert hanging.coverage == "short"
    assert made.clock.now() - NOW.timestamp() < 9 * 3600


def test_progress_is_kept_at_the_end_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State that is written once, at the end, makes a backfill die on the same day for ever.

    Here every page counts: a run that fails after three pages, each time, gets there all the same, and reads nothing twice.
    """
    monkeypatch.setattr(PLAN, "JOB_ROWS", 100)
    made = world(per_day=60)
    for _ in range(12):
        made.sandbox.faults.put("jobs.results", "pass", "pass", "pass", *["return-503"] * 60)
        with suppress(UnavailableError):
            made.cloud().fetch("2023-10-08/2023-10-12", tmp_path, page_size=20)
        made.sandbox.faults.clear("jobs.results")
    assert sorted(ids(tmp_path)) == truth(made, DAY - 2 * DAYS, DAY + 2 * DAYS)
    assert max(Counter(positions(made)).values()) == 1


def test_a_window_that_is_appended_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that is tried again after a crash is appended a second time.

    Here what a file of lines was given is known, and the run that goes on adds only what is missing.
    """
    monkeypatch.setattr(PLAN, "JOB_ROWS", 500)
    made = world()
    place = tmp_path / "x.jsonl"
    with made.outage("jobs.results", *["pass"] * 6):
        made.cloud().fetch("2023-10-08/2023-10-12", place, page_size=100)
    assert place.stat().st_size > 0
    assert made.cloud().fetch("2023-10-08/2023-10-12", place, page_size=100).coverage == "complete"
    assert sorted(record["conversationId"] for record in lines(place)) == truth(
        made, DAY - 2 * DAYS, DAY + 2 * DAYS
    )


# Records --------------------------------------------------------------------------------------------------------------


def novel(body: bytes) -> bytes:
    """An answer of the API's next release: a field more on every level, a value more in an enum."""
    text = body.replace(b'"voice"', b'"hologram"')
    for key in (b'"conversationId":', b'"participantId":', b'"sessionId":', b'"segmentStart":'):
        text = text.replace(key, b'"fieldOfTomorrow":{"value":1},' + key)
    return text


def test_values_that_nobody_knew_yet() -> None:
    """An enum's new value becomes a placeholder, and a new field vanishes, for the client's model is older than the API.

    Here records are handed on as they came.
    """
    made = world(per_day=40, gzip=False)
    records = made.cloud(transport=Listening(made.sandbox, novel)).fetch_all("2023-10-10")
    sessions = [
        session
        for record in records
        for each in record["participants"]
        for session in each["sessions"]
    ]
    assert "hologram" in {session["mediaType"] for session in sessions}
    assert all(session["fieldOfTomorrow"] == {"value": 1} for session in sessions)
    assert sorted(record["conversationId"] for record in records) == truth(made)


def test_a_field_that_nobody_knew_yet(tmp_path: Path) -> None:
    """A model that forbids what it does not know dies of a new field, on the day the vendor adds it.

    Here the tables have what they know, and the run ends well.
    """
    made = world(per_day=40, gzip=False)
    summary = made.cloud(transport=Listening(made.sandbox, novel)).fetch("2023-10-10", tmp_path)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made)
    assert "hologram" in {row["media_type"] for row in table(tmp_path, "sessions")}


def test_keys_that_collide(tmp_path: Path) -> None:
    """Keys made of times, or of a metric's name and value, are not unique: rows that look alike become one.

    Here rows are numbered where they stand, and every segment and metric has its own.
    """
    made = world()
    made.cloud().fetch("2023-10-10", tmp_path)
    there: Counter[str] = Counter()
    for record in made.sandbox.truth(DAY, DAY + DAYS).values():
        for session in (session for each in record["participants"] for session in each["sessions"]):
            there.update(
                segments=len(session.get("segments", ())), metrics=len(session.get("metrics", ()))
            )
    likeness = {"segments": ("segment_start",), "metrics": ("name", "value")}
    for name, alike in likeness.items():
        rows = table(tmp_path, name)
        numbers = [
            column for column in rows[0] if column == "conversation_id" or column.endswith("_no")
        ]
        assert len(rows) == there[name]
        assert len({tuple(row[column] for column in numbers) for row in rows}) == len(rows)
        assert len(
            {(row["conversation_id"], *(row[column] for column in alike)) for row in rows}
        ) < len(rows)


def test_a_merge_that_appends(tmp_path: Path) -> None:
    """Files of columns cannot merge, so a destination that was asked to merge appends: each row is there twice.

    Here a day's file is replaced as a whole, and what of the day was not read again is carried over.
    """
    made = world()
    for interval in ("2023-10-10", "2023-10-10", "2023-10-10T06:00Z/2023-10-10T18:00Z"):
        made.cloud().fetch(interval, tmp_path)
        assert sorted(ids(tmp_path)) == truth(made)
    segments = table(tmp_path, "segments")
    made.cloud().fetch("2023-10-10", tmp_path)
    assert table(tmp_path, "segments") == segments
    assert {len(list(day.iterdir())) for day in tmp_path.glob("*/day=2023-10-10")} == {1}


# Manners --------------------------------------------------------------------------------------------------------------


def test_secrets_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log of a run that was to be looked into holds the secret and the token, and is sent around.

    Here neither is in a log, whatever its level, nor in a file; the log has what is needed to find the request.
    """
    made = world()
    listening = Listening(made.sandbox)
    made.sandbox.faults.put("jobs.status", "return-503", "expire-token")
    with caplog.at_level(logging.DEBUG):
        made.cloud(transport=listening).fetch("2023-10-10", tmp_path)
    settings = made.sandbox.settings
    secrets = {*listening.credentials, settings.client_secret}
    assert len(secrets) > 3
    told = caplog.text + " ".join(str(record.__dict__) for record in caplog.records)
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "correlation_id" in told
    assert [secret for secret in secrets if secret in told or secret.encode() in written] == []


def test_redaction_that_destroys_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """User ids are redacted by default, all to the same text: nobody can be told from anybody, and no table joins.

    Here nothing is changed unasked; what is to be hidden is hashed with a key, and still joins.
    """
    made = world()
    made.cloud().fetch("2023-10-10", tmp_path / "plain")
    monkeypatch.setenv("LASTPAGE_HASH_KEY", "a key for this test")
    made.cloud().fetch("2023-10-10", tmp_path / "hashed", hash="user_id")
    records = made.sandbox.truth(DAY, DAY + DAYS).values()
    there = {
        each["userId"] for record in records for each in record["participants"] if "userId" in each
    }
    plain, hashed = (
        [row["user_id"] for row in table(tmp_path / place, "participants")]
        for place in ("plain", "hashed")
    )
    assert {text for text in plain if text} == there
    assert not {text for text in hashed if text} & there
    assert len({*zip(plain, hashed, strict=True)}) == len({*plain}) == len({*hashed})


def test_everything_in_one_list() -> None:
    """A script that collects all pages in a list before the first row is used needs the memory of a month, and gets none of it.

    Here a page is in memory at a time, whatever the interval.
    """
    made = world(per_day=300)
    ours = [tracemalloc.Filter(inclusive=True, filename_pattern="*/src/lastpage/*")]
    held, size = [], 0
    tracemalloc.start()
    try:
        for number, record in enumerate(made.cloud().conversations("2023-10-10", page_size=10)):
            size += len(json.dumps(record))
            if number % 100 == 50:
                snapshot = tracemalloc.take_snapshot().filter_traces(ours)
                held.append(sum(each.size for each in snapshot.statistics("filename")))
    finally:
        tracemalloc.stop()
    assert len(held) == 4
    assert max(held) < size / 4


def test_a_handshake_a_page(tmp_path: Path) -> None:
    """A connection a request costs a handshake each, a token a request costs a login each, and both cost the allowance.

    Here one token and, of one thread, one connection serve the run. Over a socket, since only there connections exist.
    """
    settings = Settings(seed=7, per_day=300, requests_per_minute=60_000, job_polls=0)
    box = Sandbox(settings, now=NOW.timestamp, sleep=lambda _seconds: None)
    callers = []

    def app(environ: Any, start: Any) -> Any:
        callers.append(environ["REMOTE_PORT"])
        return box.app(environ, start)

    with Server(app, "127.0.0.1", 0) as server:
        cloud = Cloud(
            Credentials(settings.client_id, settings.client_secret), server.url, threads=1
        )
        assert cloud.fetch("2023-10-10", tmp_path, page_size=20).coverage == "complete"
    assert len(callers) > 20
    assert len(set(callers)) == 1
    assert box.counters["token"] == 1


def test_an_api_that_was_made_up(tmp_path: Path) -> None:
    """Guides tell of page tokens, pages of 200, a job that is RUNNING, permissions and packages that nobody ever had.

    Here nothing is sent that docs/api.md does not know, to an API that refuses the rest; and who lacks the permission is told
    its true name.
    """
    made = world(unknown_fields="reject", page_size_over_100="reject")
    made.cloud().fetch("2023-10-19/2023-10-20T15:00Z", tmp_path)
    assert {entry.status for entry in made.sandbox.log} <= {200, 202, 204}
    assert not any("nextPageToken" in f"{entry.query} {entry.json}" for entry in made.sandbox.log)
    bare = world(permissions=frozenset())
    with pytest.raises(RefusedError, match="analytics:conversationDetail:view"):
        bare.cloud().fetch("2023-10-10", tmp_path)
