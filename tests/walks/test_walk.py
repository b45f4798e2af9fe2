"""The driver's guards: no walk is endless, none goes in circles."""

import json
from datetime import UTC, datetime

import pytest

from lastpage.api.messages import Answer
from lastpage.planning.slices import Slice
from lastpage.query.interval import Interval
from lastpage.query.query import Query
from lastpage.walks import walk as module
from lastpage.walks.cursor import CursorWalk
from lastpage.walks.pages import PagesWalk
from lastpage.walks.walk import Again, Done, Request, drive

DAY = Interval(datetime(2023, 10, 1, tzinfo=UTC), datetime(2023, 10, 2, tzinfo=UTC))
SLICE = Slice(1, DAY, DAY, "cursor", "test")
WALK = CursorWalk(Query(DAY))
ROW = {"conversationId": "a", "conversationStart": "2023-10-01T10:00:00.000Z"}


def reply(**body: object) -> Answer:
    return Answer(200, raw=json.dumps(body).encode())


@pytest.mark.invariant("Complete")
def test_a_cursor_that_cycles() -> None:
    """A cursor that leads back to a page that was read is a lost attempt, never a silent end."""
    kept: list[Request] = []
    cursors = iter("abcab")
    end = drive(
        WALK,
        Request(SLICE, "results", job="j"),
        send=lambda request: reply(conversations=[ROW], cursor=next(cursors)),
        keep=lambda request, answer: kept.append(request),
        sleep=lambda _s: None,
    )
    assert isinstance(end, Again)
    assert "already read" in end.reason
    assert len(kept) == 4


def test_what_an_earlier_process_read_counts() -> None:
    """After a restart, a cursor that leads back behind the restart is noticed too."""
    end = drive(
        WALK,
        Request(SLICE, "results", job="j", cursor="b", ordinal=2),
        send=lambda request: reply(conversations=[ROW], cursor="a"),
        keep=lambda request, answer: None,
        sleep=lambda _s: None,
        made=[Request(SLICE, "results", job="j", cursor="a", ordinal=1)],
    )
    assert isinstance(end, Again)


def test_a_walk_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk longer than its bound is an attempt lost."""
    monkeypatch.setattr(module, "STEPS_MAX", 50)
    end = drive(
        PagesWalk(Query(DAY)),
        Request(SLICE, "page", ordinal=1, page_size=1),
        send=lambda request: reply(conversations=[ROW]),
        keep=lambda request, answer: None,
        sleep=lambda _s: None,
    )
    assert isinstance(end, Again)
    assert "no end" in end.reason


def test_only_the_last_poll_is_kept() -> None:
    """Polls repeat by nature and prove nothing; the one that ends the waiting is kept."""
    states = iter(["QUEUED", "PENDING", "PENDING", "FULFILLED"])
    kept: list[str] = []
    slept: list[float] = []

    def send(request: Request) -> Answer:
        return reply(state=next(states)) if request.kind == "poll" else reply(totalHits=1)

    end = drive(
        WALK,
        Request(SLICE, "poll", job="j"),
        send=send,
        keep=lambda request, answer: kept.append(request.kind),
        sleep=slept.append,
    )
    assert end == Done("read")
    assert kept == ["poll", "results", "delete", "recount"]
    assert [pause for pause in slept if pause] == [0.5, 0.5, 1.0]
