"""The world: a pure function of seed and time, the volume of a working week, cheap however large: docs/api.md, 1.9, 3.4, 7, 8."""

from collections import Counter
from itertools import pairwise

import pytest
from tests.sandbox.box import DAY, Box, ms, some, talk

from lastpage_sandbox import Settings, World, library
from lastpage_sandbox.later import Schedule
from lastpage_sandbox.moments import DAY_MS, HOUR_MS
from lastpage_sandbox.shelf import Shelf
from lastpage_sandbox.skeleton import AGENTS, DIVISIONS, FATES, LIFE_MS_MAX, QUEUES
from lastpage_sandbox.world import KEPT_MAX

FAR = 1 << 42


def drawn(seed: int = 1, day: int = 9, days: int = 1, **settings: float) -> World:
    world = World(Settings(seed=seed, **settings))  # type: ignore[arg-type]
    assert world.visible(ms(day), ms(day + days), FAR)
    return world


def test_seed_and_time_are_everything() -> None:
    """Two worlds of one seed agree, whatever was asked of them before; of two seeds they do not."""
    one, other = drawn(), World(Settings(seed=1))
    other.visible(ms(1), ms(5), FAR)
    assert one.visible(ms(9), ms(10), FAR) == other.visible(ms(9), ms(10), FAR)
    assert not {each.id for each in one.starting(ms(9), ms(10))} & {
        each.id for each in drawn(2).starting(ms(9), ms(10))
    }


def test_a_range_is_the_sum_of_its_parts() -> None:
    """What starts in a day is what starts in its parts, wherever they are cut, in order of start and id."""
    world = drawn()
    cuts = [ms(9), ms(9) + 1, ms(9, 8, 59), ms(9, 13), ms(10)]
    pieces = [each for start, end in pairwise(cuts) for each in world.starting(start, end)]
    whole = list(world.starting(ms(9), ms(10)))
    assert pieces == whole == sorted(whole, key=lambda each: (each.start_ms, each.id))


def test_a_working_week() -> None:
    """Volume follows a working week with a daily curve, and `per_day` is the mean of the week."""
    world = World(Settings(per_day=3000))
    days = [len(world.visible(ms(day), ms(day + 1), FAR)) for day in range(9, 16)]
    assert max(days[5:]) < min(days[:5])
    assert 2850 < sum(days) / 7 < 3150
    hours = Counter(each.start_ms // HOUR_MS % 24 for each in world.visible(ms(9), ms(14), FAR))
    assert hours[10] > 20 * hours[3]


def test_what_is_older_than_the_retention() -> None:
    """1.7: with a retention of so many days, what started earlier is gone, from every answer and by id."""
    now_ms = ms(9, 12) + 90 * DAY_MS
    all_of_it = drawn().visible(ms(9), ms(10), now_ms)
    world = World(Settings(seed=1, retention_days=90))
    kept = world.visible(ms(9), ms(10), now_ms)
    assert kept == [each for each in all_of_it if each.start_ms >= ms(9, 12)]
    assert 0 < len(kept) < len(all_of_it)
    assert [world.seen(each.id, now_ms) for each in all_of_it if each not in kept] == [None] * (
        len(all_of_it) - len(kept)
    )
    assert world.seen(kept[0].id, now_ms) == kept[0]


def test_who_and_what() -> None:
    """1.9: several queues, agents and divisions, all media, all ways to go, inbound, outbound and neither."""
    found = drawn(per_day=6000, orphans=0.05).visible(ms(9), ms(10), FAR)
    assert {each.queue for each in found} == set(QUEUES)
    assert {each.agent for each in found} == set(range(AGENTS))
    assert {each.division for each in found} == set(DIVISIONS)
    assert {each.media for each in found} == {"voice", "chat", "message", "email", "callback"}
    assert {each.fate for each in found} == set(FATES) - {"customer first"}
    assert {each.direction for each in found} == {"inbound", "outbound", None}
    assert len({each.id for each in found}) == len(found)
    assert all(each.end_ms is None or each.end_ms - each.start_ms <= LIFE_MS_MAX for each in found)
    assert any(each.end_ms is None for each in found)
    assert any(
        each.end_ms is not None and each.end_ms - each.start_ms > 2 * DAY_MS for each in found
    )


def test_customers_who_are_called_first() -> None:
    """5.7: a share of the callbacks, and of nothing else; without the switch there are none."""
    found = drawn(per_day=6000, customer_first_share=0.5).visible(ms(9), ms(10), FAR)
    fates = [each.fate for each in found if each.media == "callback"]
    assert 0.35 < fates.count("customer first") / len(fates) < 0.6
    assert "customer first" not in {each.fate for each in found if each.media != "callback"}


def test_by_hand() -> None:
    """Conversations can be put beside the drawn ones, replaced by id, and removed; ids find them, drawn or not."""
    world = drawn()
    known = next(world.starting(ms(9), ms(10)))
    assert world.find(known.id) == known
    ours = talk(1, ms(9, 12))
    world.add(ours)
    assert world.find(ours.id) == ours
    assert ours in world.visible(ms(9), ms(10), FAR)
    world.add(talk(1, ms(9, 12), media="chat"))
    assert [each.media for each in world.starting(ms(9), ms(10)) if each.id == ours.id] == ["chat"]
    world.remove(ours.id, known.id)
    assert world.find(known.id) is world.find(ours.id) is world.seen(known.id, FAR) is None
    assert not {ours.id, known.id} & {each.id for each in world.starting(ms(9), ms(10))}
    assert world.find("nobody") is world.find("00000000-0000-4000-8000-000000000000") is None


def test_what_is_there_to_be_seen() -> None:
    """8: nothing of the future is visible, nor what arrives late before it has arrived."""
    world = World(Settings(per_day=0))
    world.add(talk(1, ms(9, 10)), talk(2, ms(9, 11), arrival_ms=ms(9, 13)))
    seen = [
        [int(each.id[:8], 16) for each in world.visible(ms(9), ms(10), ms(9, hour))]
        for hour in (9, 10, 11, 12, 13)
    ]
    assert seen == [[], [1], [1], [1], [1, 2]]
    assert world.seen(talk(2, 0).id, ms(9, 12)) is None


def test_late_arrivals() -> None:
    """3.2: a share of conversations becomes visible late, by so much at most."""
    world = drawn(late_share=0.3, late_s=600.0)
    delays = [each.arrival_ms - each.start_ms for each in world.starting(ms(9), ms(10))]
    assert 0.2 < sum(delay > 0 for delay in delays) / len(delays) < 0.4
    assert max(delays) <= 600_000


def test_divisions() -> None:
    """7: what the role does not reach is left out silently, from queries, from jobs, by id, and from the truth."""
    box, north = Box(), Box(divisions=frozenset({"North"}))
    reached = {each.id for each in box.day() if each.division == "North"}
    assert 0 < len(reached) < len(box.day())
    assert {each.id for each in north.day()} == reached
    assert {row["conversationId"] for row in north.job(startOfDayIntervalMatching=True)} == reached
    assert north.hits() == len(reached)
    other = next(each for each in box.day() if each.division != "North")
    assert north.world.seen(other.id, north.now_ms) is None


def test_counting_renders_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting, and filtering by medium, direction, division and end, never render a record."""
    box = Box(per_day=2000)
    division = box.library.record(box.day()[0], box.now_ms, attributes=False)["divisionIds"][0]

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a record was rendered")

    monkeypatch.setattr(library, "render", refuse)
    everything = box.query(size=1, number=99_999)[1]["totalHits"]
    assert everything > 1000
    media = [
        {
            "type": "or",
            "predicates": [some("mediaType", name)["predicates"][0] for name in ("chat", "voice")],
        }
    ]
    for filters in (
        {"segmentFilters": media},
        {
            "conversationFilters": [
                some("originatingDirection", "inbound"),
                some("divisionId", division),
            ]
        },
        {"conversationFilters": [some("originatingDirection", operator="notExists")]},
        {"conversationFilters": [some("conversationEnd", operator="exists")]},
    ):
        assert 0 < box.query(size=1, number=99_999, **filters)[1]["totalHits"] < everything
    box.submit(segmentFilters=media)


@pytest.mark.parametrize("part", [10, pytest.param(1, marks=pytest.mark.long)])
def test_ten_million_cost_no_storage(part: int) -> None:
    """Skeletons are drawn when somebody asks for their hour; the shelf of hours never holds more than its limit."""
    world = World(Settings(per_day=600_000 // part))
    assert world._hours.limit == KEPT_MAX
    world._hours.limit = KEPT_MAX // part
    for day in (2, 3):
        assert len(world.visible(ms(day, 9), ms(day, 14), FAR)) > 250_000 // part
    assert world._hours.weight <= KEPT_MAX // part


def test_a_shelf() -> None:
    """What was used last stays, the least used goes when the weights exceed the limit, a value too heavy is not kept."""
    made: list[str] = []

    def get(shelf: Shelf[str], key: str, value: str) -> str:
        return shelf.get(key, lambda: made.append(key) or value)  # type: ignore[func-returns-value]

    shelf: Shelf[str] = Shelf(10, len)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert get(shelf, key, key * 4) == key * 4
    assert made == ["a", "b", "c", "b"]
    assert shelf.weight == 8
    assert get(shelf, "d", "d" * 11) == "d" * 11
    assert shelf.weight <= 10


def test_the_schedule_costs_nothing_when_nothing_moves() -> None:
    """With the default shares what is there and when is not scheduled at all, so counting does not pay for it."""
    assert not Schedule(Settings()).moves_things
    assert Schedule(Settings(deleted_share=0.1)).moves_things


def test_the_hours_past_now_are_not_drawn() -> None:
    """An interval that ends in the far future is answered as quickly as one that ends now."""
    box = Box()
    assert box.hits(interval=DAY) > 0
    assert box.world.visible(box.now_ms - HOUR_MS, FAR, box.now_ms) == box.world.visible(
        box.now_ms - HOUR_MS, box.now_ms + 1, box.now_ms
    )
