"""The API is wrong for a while: an index is out, counts lie. What was known before is held against it, and it is waited out."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.inprocess import NOW, World, world
from tests.readback import ids

TODAY = NOW.replace(hour=0, minute=0, second=0)
RECENT = "2023-10-20T10:00Z/2023-10-20T14:00Z"
DAY = "2023-10-10"


def truth(made: World, interval: str) -> list[str]:
    if interval == DAY:
        return sorted(made.truth(TODAY - timedelta(days=10), TODAY - timedelta(days=9)))
    return sorted(made.truth(TODAY.replace(hour=10), TODAY.replace(hour=14)))


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("interval", [RECENT, DAY])
@pytest.mark.parametrize("paginate", ["auto", "pages"])
@pytest.mark.parametrize(
    "words",
    [
        ("index-out", "index-out"),  # one page, and the next
        ("index-out-for-1s",),
        ("index-out-for-60s",),
        ("index-half-for-60s",),
        ("counts-double",),
        ("counts-double-for-60s",),
    ],
)
def test_it_is_waited_out(
    tmp_path: Path, interval: str, paginate: str, words: tuple[str, ...]
) -> None:
    """After the plan the index is out, or counts lie: the plan's count is not forgotten, and all rows come."""
    made = world(per_day=600)
    plan = ["pass"] * (2 if interval == RECENT else 1)
    made.sandbox.faults.put("details.query", *plan, *words)
    options = {"paginate": paginate, "page_size": 50, "names": False}
    summary = made.cloud().fetch(interval, tmp_path, **options)
    assert summary.coverage == "complete"
    assert not made.sandbox.faults.pending
    assert sorted(ids(tmp_path)) == truth(made, interval)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("word", ["index-out-for-20s", "index-half-for-20s"])
def test_it_ends_before_the_count_after_the_walk(tmp_path: Path, word: str) -> None:
    """The plan and the walk see an index that is out; the count after the walk does not, and it is read again."""
    made = world(per_day=600)
    made.sandbox.faults.put(
        "details.query", word, *["pass"] * (1 if "out" in word else 4), "stall-30s"
    )
    summary = made.cloud().fetch(RECENT, tmp_path, page_size=50)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made, RECENT)


def test_what_no_client_can_see(tmp_path: Path) -> None:
    """An index that is out through plan, walk and the count after it, at a first fetch: `complete`, as far as the API shows."""
    made = world(per_day=600)
    made.sandbox.faults.put("details.query", "index-out-for-600s")
    summary = made.cloud().fetch(RECENT, tmp_path)
    assert (summary.coverage, summary.conversations) == ("complete", 0)


@pytest.mark.invariant("Truthful")
def test_what_the_destination_holds(tmp_path: Path) -> None:
    """An index that is out through plan, walk and counts: what the destination holds is more, and it is waited out."""
    made = world(per_day=600)
    made.cloud().fetch(RECENT, tmp_path)
    made.sandbox.faults.put("details.query", "index-out-for-60s")
    summary = made.cloud().fetch(RECENT, tmp_path)
    assert (summary.coverage, summary.conversations) == ("complete", len(truth(made, RECENT)))
    assert sorted(ids(tmp_path)) == truth(made, RECENT)


def test_an_index_that_stays_out(tmp_path: Path) -> None:
    """An index that is out at every reading of ten minutes contradicts the plan, and a note says so; a complete day stays."""
    made = world(per_day=60)
    before = made.cloud().fetch("2023-10-10", tmp_path)
    assert before.coverage == "complete"
    found = ids(tmp_path)
    made.sandbox.faults.put("details.query", "pass", *["index-half"] * 40)
    summary = made.cloud().fetch("2023-10-10", tmp_path, paginate="pages", refresh=True)
    assert any("were counted before it was read" in note for note in summary.notes)
    assert sorted(ids(tmp_path)) == sorted(found)


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("word", ["index-out-for-60s", "index-half-for-60s"])
def test_it_begins_when_a_slice_is_cut(tmp_path: Path, word: str) -> None:
    """The index is out when the halves of a slice are counted: what was counted of the whole is not forgotten."""
    made = world(per_day=600, pagination_cap=100)
    made.sandbox.faults.put("details.query", *["pass"] * 5, word)
    summary = made.cloud().fetch(RECENT, tmp_path, page_size=50)
    assert any("taking smaller slices" in note for note in summary.notes)
    assert summary.coverage == "complete"
    assert sorted(ids(tmp_path)) == truth(made, RECENT)
