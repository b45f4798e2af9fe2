"""The tally: every line of the coverage rule, by assertion alone."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lastpage.api.messages import Answer
from lastpage.coverage.account import Account
from lastpage.coverage.tally import Verdict, judge, short
from lastpage.coverage.weighing import Claim, Counts
from lastpage.ledger.ids import digest
from lastpage.planning.slices import Slice
from lastpage.query.interval import Interval, iso
from lastpage.walks import ROUTES
from lastpage.walks.walk import Count, Request

START = datetime(2023, 10, 1, tzinfo=UTC)
DAY = Interval(START, START + timedelta(days=1))
LATER = START + timedelta(days=3)
JOB = Slice(1, DAY, DAY, "cursor", "test", 3)
PAGES = Slice(1, DAY, DAY, "pages", "test", 3)
OWN = [Count("hits", 2, 2)]
#: What `judge` is told of a reading whose own counts agree with it.
AGREED: dict[str, Any] = {
    "doubt": "",
    "proof": "",
    "as_of": LATER,
    "settled": LATER,
}


def row(name: str, hour: float = 1, *, ended: bool = True) -> dict[str, Any]:
    start = START + timedelta(hours=hour)
    return {"conversationId": name, "conversationStart": iso(start)} | (
        {"conversationEnd": iso(start)} if ended else {}
    )


def account(piece: Slice, *pages: dict[str, Any], counts: tuple[int, ...] = ()) -> Account:
    sums = Account(piece, LATER)
    kind: Any = "page" if piece.route == "pages" else "results"
    for number, body in enumerate(pages):
        sums.take(number, Request(piece, kind), Answer(200, raw=json.dumps(body).encode()))
    for place, count in enumerate(counts):
        kind = "count" if place < len(counts) / 2 else "recount"
        sums.take(
            99, Request(piece, kind), Answer(200, raw=json.dumps({"totalHits": count}).encode())
        )
    return sums


def gap(sums: Account, sign: Any) -> int | None:
    """The largest number of conversations that a count of the walk's own has more."""
    counts = ROUTES[sums.slice.route].counts(sign, sums)
    return max((count.missing for count in counts), default=None)


def verdict(
    sums: Account, sign: Any, mark: datetime | None = LATER, settled: datetime | None = LATER
) -> Verdict:
    walk = ROUTES[sums.slice.route]
    facts = {
        "doubt": walk.doubt(sums.slice, mark),
        "proof": walk.signs[sign],
    }
    return judge(sums, Counts(walk.counts(sign, sums)), as_of=LATER, settled=settled, **facts)


def test_a_job_whose_counts_agree() -> None:
    """Counts before and after, the watermark past the end, all ended: complete and final."""
    result = verdict(account(JOB, {"conversations": [row("a"), row("b")]}, counts=(2, 2)), "read")
    assert (result.coverage, result.finality, result.conversations) == ("complete", "final", 2)


def test_the_larger_count_rules() -> None:
    """Of the counts before and after the larger one has to be met; a surplus is not a fault."""
    sums = account(JOB, {"conversations": [row("a"), row("b")]}, counts=(2, 5))
    assert gap(sums, "read") == 3
    assert gap(account(JOB, {"conversations": [row("a"), row("b")]}, counts=(1, 1)), "read") == -1


def job_of(rows: int, counted: int) -> Verdict:
    """The verdict of a job that brought so many conversations of so many counted."""
    records = [row(f"c{number}") for number in range(rows)]
    return verdict(account(JOB, {"conversations": records}, counts=(counted, counted)), "read")


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(("rows", "counted"), [(3, 4), (3, 5), (2, 4), (2997, 3000)])
def test_a_small_gap_that_stays(rows: int, counted: int) -> None:
    """The same rows again, and a gap within the counts' error: `complete`, and the gap is told."""
    result = job_of(rows, counted)
    assert (result.coverage, result.gap) == ("complete", counted - rows)
    assert f"counts {counted - rows} more" in result.why


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("rows", "counted", "coverage"),
    [
        (12, 15, "unproven"),
        (60, 80, "unproven"),
        (2970, 3000, "unproven"),
        (0, 1, "short"),
        (0, 2, "short"),
        (0, 18, "short"),
        (1, 3, "short"),
        (59, 80, "short"),
        (1500, 3000, "short"),
        (2969, 3000, "short"),
    ],
)
def test_a_large_gap_that_stays(rows: int, counted: int, coverage: str) -> None:
    """A gap beyond the counts' error proves nothing; beyond 20 and 1 %, or a quarter, rows are missing."""
    result = job_of(rows, counted)
    assert (result.coverage, result.finality) == (coverage, "provisional")
    assert result.gap == counted - rows


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("of", "vague", "coverage"),
    [
        ("hits", 0, "short"),
        ("starts", 0, "short"),
        ("starts", 30, "unproven"),  # a count of a part of a day that may be one of all of it
        ("held", 30, "short"),
        ("moved", 0, "unproven"),
        ("living", 0, "unproven"),
    ],
)
def test_what_is_certain_of_a_count(of: Any, vague: int, coverage: str) -> None:
    """Only what is certain of a count makes a slice short; the rest leaves it unproven."""
    sums = account(JOB, {"conversations": [row("a"), row("b")]}, counts=(2, 2))
    facts: Any = {"doubt": "", "proof": "", "as_of": LATER, "settled": LATER}
    counts = [Count(of, 30, 2), Count("hits", 2, 2)]
    assert judge(sums, Counts(counts, vague=vague), **facts).coverage == coverage


def test_a_moment_that_counts_more_than_the_slice() -> None:
    """What a moment of the last day counts by now may be more than all that the plan counted: then nothing is certain of that."""
    sums = account(JOB, {"conversations": [row("a"), row("b")]}, counts=(2, 2))
    facts: Any = {"doubt": "", "proof": "", "as_of": LATER, "settled": LATER}
    counts = [Count("starts", 3, 2), Count("hits", 2, 2)]
    claims = [Count("starts", 2, 2)]
    assert judge(sums, Counts(counts, claims, vague=3), **facts).coverage == "complete"


def test_a_job_that_asked_past_the_watermark() -> None:
    """A filter on segments looks a day further: a job proves nothing unless the watermark has passed that, too."""
    ahead = Slice(1, DAY, Interval(DAY.start, DAY.end + timedelta(days=1)), "cursor", "test", 3)
    sums = account(ahead, {"conversations": [row("a")]}, counts=(1, 1))
    assert verdict(sums, "read", DAY.end + timedelta(hours=23)).coverage == "unproven"
    assert verdict(sums, "read", DAY.end + timedelta(hours=24)).coverage == "complete"


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("claimed", "coverage"), [(2, "complete"), (4, "complete"), (5, "short"), (0, "complete")]
)
def test_what_the_plan_counted(claimed: int, coverage: str) -> None:
    """The plan's count is held against what came, though the walk's own counts agree."""
    sums = account(JOB, {"conversations": [row("a"), row("b")]}, counts=(2, 2))
    assert judge(sums, Counts(OWN, [Count("starts", claimed, 2)]), **AGREED).coverage == coverage


def test_a_claim_of_what_is_held() -> None:
    """It is held against what came day by day: a day that has more makes up for no other day."""
    two = Slice(1, Interval(DAY.start, DAY.end + timedelta(days=1)), DAY, "cursor", "", 4)
    sums = account(two, {"conversations": [row("a"), row("b"), row("c"), row("d", 25)]})
    claim = Claim("held", {"2023-10-01": 2, "2023-10-02": 3})
    assert claim.count(sums) == Count("held", 6, 4)
    assert Claim("starts", {"": 4}).count(sums) == Count("starts", 4, 4)


def test_a_claim_that_is_contradicted() -> None:
    """Three readings whose own counts agree contradict the plan, if the later two are a minute apart."""
    sums = account(JOB, {"conversations": [row("a")]}, counts=(1, 1))
    claim, agreed, more = Claim("starts", {"": 5}), [Count("hits", 1, 1)], [Count("hits", 5, 1)]
    assert not claim.hold_against(sums, agreed, 100.0)
    assert not claim.hold_against(sums, more, 300.0)
    assert not claim.hold_against(sums, agreed, 400.0)
    assert not claim.hold_against(sums, agreed, 459.0)
    assert "5 were counted" in claim.hold_against(sums, agreed, 460.0)
    assert claim.count(sums).missing == 0


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("mark", [None, DAY.end - timedelta(milliseconds=1)])
def test_jobs_beyond_the_watermark_prove_nothing(mark: datetime | None) -> None:
    """Whatever the counts say, a job is complete only up to the watermark read before it."""
    assert (
        verdict(account(JOB, {"conversations": [row("a")]}, counts=(1, 1)), "read", mark).coverage
        == "unproven"
    )


def test_no_counter() -> None:
    """A refused count does not count: unproven."""
    sums = account(JOB, {"conversations": [row("a")]})
    sums.take(0, Request(JOB, "count"), Answer(403, raw=b"{}"))
    assert gap(sums, "read") is None
    assert verdict(sums, "read").coverage == "unproven"


def test_a_page_walk_to_the_absent_page() -> None:
    """Unique ids are held against the larger of the first and the last totalHits."""
    pages = [
        {"conversations": [row("a"), row("b")], "totalHits": 2},
        {"conversations": [row("b")], "totalHits": 3},
        {"totalHits": 3},
    ]
    sums = account(PAGES, *pages)
    assert (sums.unique, sums.duplicates, gap(sums, "absent")) == (2, 1, 1)


@pytest.mark.parametrize(
    ("first", "hits", "missing"),
    [
        ([row("a")], (9, 9), 0),
        ([row("a")], (9, 10), 1),  # rows arrived
        ([row("a")], (9, 8), 1),  # rows went, and others moved up to a page that was read already
        ([row("a"), row("a")], (9, 9), 1),  # a row came twice: another may have been skipped
    ],
)
def test_a_page_walk_that_stopped_beyond(
    first: list[object], hits: tuple[int, int], missing: int
) -> None:
    """Stopped in order it is proved by the order, unless something moved meanwhile."""
    pages = (
        {"conversations": first, "totalHits": hits[0]},
        {"conversations": [row("old", -2)], "totalHits": hits[1]},
    )
    assert gap(account(PAGES, *pages), "beyond") == missing


def test_ownership() -> None:
    """What started outside the slice is foreign, counted and not owned; the slice's end is not its own."""
    sums = account(JOB, {"conversations": [row("a"), row("b", -1), row("c", 24), row("d", 0)]})
    assert set(sums.owned) == {digest("a"), digest("d")}
    assert set(sums.foreign) == {"b", "c"}


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        # From noon on, from midnight to the end, from midnight to noon; the morning has 5, of which one lives past noon.
        ((3, 7, 5), 0),  # by life: the morning's counts too
        ((4, 8, 5), 1),  # … and one is missing
        ((2, 7, 5), 0),  # by start
        ((3, 8, 5), 1),  # … and one is missing, which the morning's row would hide
        ((7, 7, 7), 4),  # all of the day, whatever the part: proves nothing
    ],
)
def test_part_of_a_day(counts: tuple[int, int, int], missing: int) -> None:
    """Whatever a count of a part of a day counts, a row that is missing is a gap."""
    half = Slice(1, Interval(START + timedelta(hours=12), DAY.end), DAY, "cursor", "test")
    rows = [row("morning", 8), row("noon", 13), row("later", 14), row("eve", -3)]
    assert gap(account(half, {"conversations": rows}, counts=counts * 2), "read") == missing


def test_part_of_a_day_and_more() -> None:
    """Days after a broken first one are counted as they are, in parts."""
    weeks = Interval(START + timedelta(hours=12), START + timedelta(days=10))
    rows = [row("noon", 13), row("second week", 24 * 8)]
    assert (
        gap(
            account(
                Slice(1, weeks, weeks, "cursor", ""),
                {"conversations": rows},
                counts=(1, 1, 6, 5) * 2,
            ),
            "read",
        )
        == 0
    )
    assert (
        gap(
            account(
                Slice(1, weeks, weeks, "cursor", ""),
                {"conversations": rows},
                counts=(1, 2, 6, 5) * 2,
            ),
            "read",
        )
        == 1
    )


def test_the_last_copy_wins() -> None:
    """Of several copies within an attempt the last one stands: it is the newest."""
    sums = account(PAGES, {"conversations": [row("a", ended=False)]}, {"conversations": [row("a")]})
    assert sums.open == 0


@pytest.mark.invariant("Complete")
@pytest.mark.parametrize("hours", [(1, 25), (25, 1)])
def test_a_start_that_moves_out_or_in(hours: tuple[int, int]) -> None:
    """A conversation whose start moves between two pages belongs where its last copy says."""
    moved = [row("a", hour) for hour in hours]
    sums = account(JOB, {"conversations": [moved[0], row("b")]}, {"conversations": [moved[1]]})
    here = hours[1] == 1
    assert (digest("a") in sums.owned, "a" in sums.foreign) == (here, not here)
    assert (sums.fetched, sums.unique, sums.duplicates) == (3, 2, 1)


def test_a_start_with_an_offset() -> None:
    """Days are UTC's, however a start is spelt."""
    start = {"conversationStart": "2023-09-30T23:30:00.000-02:00"}
    sums = account(JOB, {"conversations": [{**row("a"), **start}]})
    assert sums.days == {"2023-10-01": 1}
    assert sums.pages == {"0": {"2023-10-01": 1}}


@pytest.mark.invariant("Truthful")
def test_finality() -> None:
    """Open conversations, except old orphans, and all after the watermark are provisional."""
    still = {"conversations": [row("a", ended=False)]}
    assert verdict(account(JOB, still, counts=(1, 1)), "read").finality == "provisional"
    assert (
        verdict(account(JOB, {"conversations": []}, counts=(0, 0)), "read", settled=START).finality
        == "provisional"
    )
    sums = Account(JOB, START + timedelta(days=40), counts={"count": [1], "recount": [1]})
    sums.take(0, Request(JOB, "results"), Answer(200, raw=json.dumps(still).encode()))
    assert verdict(sums, "read").finality == "final"


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize(
    ("settled", "final"),
    [
        (None, []),
        (START, []),
        (START + timedelta(days=3, milliseconds=-1), ["2023-10-01"]),
        (START + timedelta(days=3), ["2023-10-01", "2023-10-03"]),
        (START + timedelta(days=9), ["2023-10-01", "2023-10-03", "2023-10-04"]),
    ],
)
def test_finality_of_each_day(settled: datetime | None, final: list[str]) -> None:
    """A day is final or not by its own conversations and its own end; the slice is what its worst day is."""
    days = Interval(START, START + timedelta(days=3, hours=5))
    rows = {"conversations": [row("a"), row("b", 30, ended=False), row("c", 50), row("d", 73)]}
    sums = account(Slice(1, days, days, "cursor", "test", 4), rows, counts=(4, 4))
    result = verdict(sums, "read", START + timedelta(days=9), settled)
    assert (result.coverage, result.finality, result.final_days) == (
        "complete",
        "provisional",
        final,
    )
    assert [day for day in result.days if result.finality_of(day) == "final"] == final


def test_finality_of_a_verdict_of_an_older_version() -> None:
    """It knew the slice's finality only, so all days are what the slice is."""
    as_it_was = '{"coverage":"complete","finality":"%s","why":"","conversations":2,"as_of":"2023-10-04T00:00:00.000Z"}'
    for finality in ("final", "provisional"):
        assert Verdict.load(as_it_was % finality).finality_of("2023-10-01") == finality


def test_what_another_slice_saw() -> None:
    """An id that another slice saw and that did not come makes it short, however well the counts agree."""
    sums = account(JOB, {"conversations": [row("a"), row("b")]}, counts=(2, 2))
    assert judge(sums, Counts(OWN), **AGREED, seen=["a"]).coverage == "complete"
    result = judge(sums, Counts(OWN), **AGREED, seen=["a", "c"])
    assert (result.coverage, result.finality) == ("short", "provisional")


@pytest.mark.invariant("Truthful")
def test_broken_records() -> None:
    """A record whose id or start cannot be read is kept, and coverage is `unproven`."""
    sums = account(
        JOB,
        {
            "conversations": [
                row("a"),
                {"conversationId": 5},
                row("c") | {"conversationEnd": "soon"},
            ]
        },
        counts=(2, 2),
    )
    assert (sums.broken, set(sums.owned), sums.open) == ([1], {digest("a"), digest("c")}, 1)
    assert verdict(sums, "read").coverage == "unproven"


def test_verdicts_survive_the_ledger() -> None:
    """A verdict written down and read back is the same verdict."""
    result = short(account(JOB, {"conversations": [row("a")]}), "because", LATER)
    assert Verdict.load(result.dump()) == result
    assert result.days == {"2023-10-01": 1}
