"""The synchronous query beyond its pages: order, approximate counts, aggregations, and switches for what is not documented."""

from typing import Any

import pytest
from tests.sandbox.box import DAY, DETAILS, HOUR, Box, Json, ms, some, talk

TEN = ms(10, 10)


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"order": "asc"}, [1, 2, 3, 4]),
        ({"order": "desc"}, [4, 3, 2, 1]),
        ({"orderBy": "conversationEnd"}, [3, 1, 2, 4]),
        ({"orderBy": "conversationEnd", "order": "desc"}, [4, 2, 1, 3]),
        ({"orderBy": "segmentEnd"}, [3, 1, 2, 4]),
        ({"orderBy": "segmentStart"}, [1, 3, 2, 4]),
    ],
)
def test_orders(order: Json, found: list[int]) -> None:
    """1.3, 3.2: ascending by start unless asked otherwise; by end what is open comes last; the caller's leg begins early."""
    box = Box(
        talk(1, TEN, 30),
        talk(2, TEN + 5, 60, media="chat"),
        talk(3, TEN + 10, 5),
        talk(4, TEN + 20_000, None, media="message"),
    )
    assert box.found(**order) == found


def test_unordered() -> None:
    """1.3: unordered is an order of its own, the same at every page."""
    box = Box()
    rows = [
        row["conversationId"]
        for number in (1, 2, 3)
        for row in box.query(number=number, order="unordered")[1]["conversations"]
    ]
    starts = [
        row["conversationId"]
        for number in (1, 2, 3)
        for row in box.query(number=number)[1]["conversations"]
    ]
    assert len(set(rows)) == len(rows) == 300
    assert rows != starts


@pytest.mark.parametrize("over", [0.0, 0.01])
def test_counts_that_overstate(over: float) -> None:
    """11, row 24: totalHits may overstate by a share; rows do not."""
    box = Box(per_day=2000, total_hits_over=over)
    assert box.hits() == int(len(box.day()) * (1 + over))


@pytest.mark.parametrize(("spelt", "kind"), [("integer", int), ("decimal", float), ("text", str)])
def test_counts_and_their_spelling(spelt: str, kind: type) -> None:
    """11, row 25: the same number, spelt in one of three ways."""
    box = Box(total_hits_as=spelt)
    hits = box.query(size=1)[1]["totalHits"]
    assert type(hits) is kind
    assert float(hits) == len(box.day())


def test_counts_that_move() -> None:
    """3.2: totalHits is approximate and moves from answer to answer, by so much at most, the same way for the same seed."""
    box, again = Box(total_hits_moves=3), Box(total_hits_moves=3)
    hits = [box.hits() for _ in range(30)]
    assert 1 < len(set(hits)) <= 7
    assert {abs(count - len(box.day())) for count in hits} <= {0, 1, 2, 3}
    assert hits == [again.hits() for _ in range(30)]
    assert len({Box().hits() for _ in range(3)}) == 1


def test_terms() -> None:
    """1.3: termFrequency counts conversations by value, the most frequent first, at most `size` of them."""
    box = Box(
        *(talk(number, TEN) for number in range(4)),
        *(talk(number, TEN, media="chat") for number in range(4, 6)),
        talk(6, TEN, 300, media="email", direction=None),
    )

    def terms(dimension: str, **more: Any) -> Json:
        asked = {"type": "termFrequency", "dimension": dimension, **more}
        (answer,) = box.query(aggregations=[asked], size=1)[1]["aggregations"]
        assert (answer["type"], answer["dimension"], answer["count"]) == (
            "termFrequency",
            dimension,
            7,
        )
        return {each["value"]: each["count"] for each in answer["results"]}

    assert terms("mediaType") == {"voice": 4, "chat": 2, "email": 1}
    assert list(terms("mediaType", size=2)) == ["voice", "chat"]
    assert terms("originatingDirection") == {"inbound": 6}
    assert terms("purpose") == {"customer": 7, "acd": 7, "agent": 7, "ivr": 4}


def test_ranges() -> None:
    """1.3: numericRange counts conversations by metric, from gte to below lt; filters go before."""
    box = Box(*(talk(number, TEN, wait_ms=number * 10_000, media="chat") for number in range(1, 7)))
    limits = [{"lt": 20_000}, {"gte": 20_000, "lt": 40_000}, {"gte": 40_000}]
    body = {
        "aggregations": [{"type": "numericRange", "metric": "tAcd", "ranges": limits}],
        "size": 1,
    }
    (answer,) = box.query(**body)[1]["aggregations"]
    assert answer["results"] == [
        {"count": count, **each} for count, each in zip((1, 2, 3), limits, strict=True)
    ]
    (none,) = box.query(**body, segmentFilters=[some("mediaType", "voice")])[1]["aggregations"]
    assert (none["count"], [each["count"] for each in none["results"]]) == (0, [0, 0, 0])


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, "invalid.value"),
        ({"type": "average", "metric": "tTalk"}, "invalid.value"),
        ({"type": "termFrequency"}, "bad.request"),
        ({"type": "termFrequency", "dimension": "colour"}, "invalid.value"),
        ({"type": "termFrequency", "dimension": {"a": 1}}, "invalid.value"),
        ({"type": "termFrequency", "dimension": "mediaType", "size": 0}, "bad.request"),
        ({"type": "numericRange", "metric": "tTalk"}, "bad.request"),
        ({"type": "numericRange", "ranges": [{"gte": 1}]}, "bad.request"),
        (
            {"type": "numericRange", "metric": "tEverything", "ranges": [{"gte": 1}]},
            "invalid.value",
        ),
        ({"type": "numericRange", "metric": "tTalk", "ranges": [{"gt": 1}]}, "bad.request"),
        ({"type": "numericRange", "metric": "tTalk", "ranges": ["all"]}, "bad.request"),
    ],
)
def test_aggregations_that_are_none(asked: Json, code: str) -> None:
    """1.8: a malformed aggregation is a 400, never a guess."""
    status, answer = Box(talk(1, TEN)).query(aggregations=[asked])
    assert (status, answer["code"]) == (400, code)


def test_the_code_of_the_limits() -> None:
    """11, row 2: only the texts of the refusals by interval and pagination are known; the code is a switch."""
    for settings, code in (
        ({}, "bad.request"),
        ({"limit_code": "general.bad.request"}, "general.bad.request"),
    ):
        box = Box(talk(1, TEN), **settings)
        long = box.query("2023-10-01T00:00Z/2023-10-09T00:00Z")
        far = box.query(number=1001)
        assert [(status, answer["code"]) for status, answer in (long, far)] == [
            (400, code),
            (400, code),
        ]


def test_the_age_of_an_interval() -> None:
    """11, row 4: an interval may begin as long ago as one likes, unless the rule that was once announced is switched on."""
    old = "2023-09-01T00:00Z/2023-09-02T00:00Z"
    assert Box(talk(1, TEN)).query(old)[0] == 200
    status, answer = Box(
        talk(1, TEN), sync_age_days_max=35, limit_code="general.bad.request"
    ).query(old)
    assert (status, answer["code"], "35 days" in answer["message"]) == (
        400,
        "general.bad.request",
        True,
    )


def test_unknown_fields() -> None:
    """11, row 17: an unknown field is passed over, or refused."""
    assert Box(talk(1, TEN)).query(pageSize=7)[0] == 200
    status, answer = Box(talk(1, TEN), unknown_fields="reject").query(pageSize=7)
    assert (status, "pageSize" in answer["message"]) == (400, True)
    assert Box(talk(1, TEN), unknown_fields="reject").query(order="asc")[0] == 200


@pytest.mark.parametrize(
    "interval",
    [
        7, "2023-10-10T00:00Z", "2023-10-10T00:00Z/", "2023-10-10T00:00Z/PT1H", "2023-10-10T00:00Z/2023-10-10T00:00Z",
        "1969-01-01T00:00Z/1969-01-02T00:00Z", "9999-12-31T00:00Z/9999-12-31T23:59:59-23:59", "a/b", "//",
    ],
)  # fmt: skip
def test_intervals_that_are_none(interval: Any) -> None:
    """1.8, 3.1: what cannot be read as an interval is an invalid.date."""
    status, answer = Box(talk(1, TEN)).ask("POST", f"{DETAILS}/query", {"interval": interval})
    assert (status, answer["code"]) == (400, "invalid.date")


def test_ends_of_an_interval() -> None:
    """3.1: with or without a zone, in seconds or milliseconds; the start belongs to it, the end does not."""
    box = Box(talk(1, TEN), talk(2, TEN + HOUR), sync_interval="exact-start")
    for interval in (
        "2023-10-10T10:00:00.000Z/2023-10-10T11:00:00.000Z",
        "2023-10-10T10:00/2023-10-10T11:00",
        "2023-10-10T12:00+02:00/2023-10-10T13:00+02:00",
    ):
        assert box.found(interval) == [1]


@pytest.mark.parametrize(
    "paging",
    [
        7,
        {},
        {"pageSize": True, "pageNumber": 1},
        {"pageSize": 1.5, "pageNumber": 1},
        {"pageSize": "1", "pageNumber": 1},
    ],
)
def test_paging_that_is_none(paging: Any) -> None:
    """1.3: paging has two whole numbers of at least 1, or is absent."""
    status, answer = Box(talk(1, TEN)).ask(
        "POST", f"{DETAILS}/query", {"interval": DAY, "paging": paging}
    )
    assert (status, answer["code"]) == (400, "bad.request")


def test_a_walk_by_filter_renders_each_record_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that has to look at records looks at each once, however many pages are asked for."""
    from lastpage_sandbox import library

    box, rendered, render = Box(per_day=150), [], library.render
    monkeypatch.setattr(
        library, "render", lambda *of, **how: rendered.append(of[0].id) or render(*of, **how)
    )
    agents = [some("purpose", "agent")]
    day = len(box.day())
    for number in (1, 2, 3, 4):
        box.query(size=1, number=number, segmentFilters=agents)
    assert len(rendered) == day + 4


def test_a_conversation_replaced_is_seen_at_once() -> None:
    """What is kept for speed is kept by everything it depends on: a conversation put in place of another is shown at once."""
    box = Box(talk(1, TEN, 5))
    first = box.query()[1]["conversations"][0]
    box.world.add(talk(1, TEN, 5, queue="Billing"))
    second = box.query()[1]["conversations"][0]
    assert first != second
    assert box.hits(segmentFilters=[some("segmentType", "wrapup")]) == 1
    box.world.add(talk(1, TEN, 5, fate="abandoned"))
    assert box.hits(segmentFilters=[some("segmentType", "wrapup")]) == 0
