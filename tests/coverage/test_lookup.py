"""Asked by id: what stands, what is gone, and what the API does not answer for."""

from datetime import timedelta

import pytest
from tests.inprocess import NOW, talk, world

from lastpage.coverage.lookup import matched_by_id, starts_by_id
from lastpage.query.interval import Interval
from lastpage.query.query import Query

HOUR_AGO = NOW - timedelta(hours=1)
ONE, TWO, NOBODY = (talk(number, HOUR_AGO).id for number in (1, 2, 3))


def test_who_stands_and_who_is_gone() -> None:
    """A start for each that exists, None for one that does not: that one is asked for alone."""
    made = world(per_day=0)
    made.sandbox.world.add(talk(1, HOUR_AGO), talk(2, HOUR_AGO))
    assert starts_by_id(made.cloud().client, [ONE, TWO, NOBODY]) == {
        ONE: HOUR_AGO,
        TWO: HOUR_AGO,
        NOBODY: None,
    }
    assert (made.sandbox.counters["details.ids"], made.sandbox.counters["details.one"]) == (1, 1)


def test_fewer_ids_a_call() -> None:
    """A call that names too many is cut until it is taken."""
    made = world(per_day=0, ids_max=10)
    talks = [talk(number, HOUR_AGO) for number in range(35)]
    made.sandbox.world.add(*talks)
    assert starts_by_id(made.cloud().client, [each.id for each in talks]) == {
        each.id: HOUR_AGO for each in talks
    }


@pytest.mark.parametrize("word", ["return-504", "return-413"])
def test_an_answer_that_is_too_large(word: str) -> None:
    """A call whose answer does not come is cut in two, as one that names too many."""
    made = world(per_day=0)
    talks = [talk(number, HOUR_AGO) for number in range(3)]
    made.sandbox.world.add(*talks)
    made.sandbox.faults.put("details.ids", word, word)
    began = made.clock.now()
    starts = starts_by_id(made.cloud().client, [each.id for each in talks])
    assert starts == {each.id: HOUR_AGO for each in talks}
    assert made.clock.now() - began < 10


@pytest.mark.parametrize("word", ["return-403", "return-400"])
def test_a_refusal_says_nothing(word: str) -> None:
    """Where the API would not tell, a conversation is not called gone."""
    made = world(per_day=0)
    made.sandbox.faults.put("details.ids", word)
    made.sandbox.faults.put("details.one", word)
    assert starts_by_id(made.cloud().client, [ONE]) == {}


def test_an_absence_that_was_none() -> None:
    """An id that is absent among several and there when asked for alone is there."""
    made = world(per_day=0)
    made.sandbox.world.add(talk(1, HOUR_AGO))
    made.sandbox.faults.put("details.ids", "return-404")
    assert starts_by_id(made.cloud().client, [ONE]) == {ONE: HOUR_AGO}


def test_ids_that_are_none() -> None:
    """What could leave its place in a URL is not asked for."""
    made = world(per_day=0)
    assert starts_by_id(made.cloud().client, ["../../x", "a,b", ""]) == {}
    assert made.sandbox.counters["details.ids"] == 0


TODAY = Interval(NOW.replace(hour=0, minute=0, second=0), NOW)
INBOUND = Query(TODAY, direction="inbound")


def test_what_the_filters_match() -> None:
    """A conversation is matched, or is there and not matched; of one that is not there nothing is said."""
    made = world(per_day=0)
    made.sandbox.world.add(talk(1, HOUR_AGO), talk(2, HOUR_AGO, direction="outbound"))
    client = made.cloud().client
    assert matched_by_id(client, INBOUND, TODAY, [ONE, TWO, NOBODY]) == {ONE: True, TWO: False}
    assert made.sandbox.counters["details.query"] == 2


def test_filters_of_the_same_array() -> None:
    """The ids are one more filter beside those that there are, and have to be met as well."""
    made = world(per_day=0)
    made.sandbox.world.add(talk(1, HOUR_AGO), talk(3, HOUR_AGO))
    assert matched_by_id(made.cloud().client, INBOUND, TODAY, [ONE]) == {ONE: True}
    body = made.sandbox.log[-1].json
    assert body
    assert [len(each["predicates"]) for each in body["conversationFilters"]] == [1, 1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["return-400"], [ONE, TWO]),  # without the filter: in two halves
        (["pass", "return-400"], [ONE, TWO]),
        (["pass", "return-400", "return-400"], [TWO]),
        (["pass", "return-403"], []),
        (["return-403"], [ONE, TWO]),  # what the filter matches is there
    ],
)
def test_a_query_that_is_refused(words: list[str], told: list[str]) -> None:
    """A query with ids that is refused is cut in two; of an id for which it stays refused nothing is said."""
    made = world(per_day=0)
    made.sandbox.world.add(talk(1, HOUR_AGO), talk(2, HOUR_AGO))
    made.sandbox.faults.put("details.query", *words)
    matched = matched_by_id(made.cloud().client, INBOUND, TODAY, [ONE, TWO])
    assert matched == dict.fromkeys(told, True)
