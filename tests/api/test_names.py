"""Lists of names are read to their true end, whatever they say of their own length and however they move meanwhile."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.inprocess import InProcess, World, world

from lastpage.api import names as lists
from lastpage.api.messages import Answer, Call
from lastpage.api.names import PAGE_SIZE, SOURCES, Listing, listing
from lastpage.errors import RefusedError, RejectedError, UnavailableError
from lastpage_sandbox import Settings
from lastpage_sandbox.lists import Lists

QUEUES = SOURCES["queues"]
Page = Callable[[int, int], Any]


@dataclass
class Shelf(InProcess):
    """Answers the list of queues by a function of page number and size, everything else by the sandbox."""

    page: Page
    asked: list[int] = field(default_factory=list)

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        if call.path != QUEUES.path:
            return super().send(base, call, headers)
        query = dict(call.query)
        self.asked.append(int(query["pageNumber"]))
        body = self.page(int(query["pageNumber"]), int(query["pageSize"]))
        return Answer(200, {"content-type": "application/json"}, json.dumps(body).encode())


def entity(number: int) -> dict[str, Any]:
    return {"id": f"id-{number}", "name": f"Queue {number}"}


def pages(entities: list[dict[str, Any]], **more: Any) -> Page:
    """A listing as the platform has them; `more` is what it says wrongly, None for what it does not say."""

    def page(number: int, size: int) -> Any:
        shown = entities[(number - 1) * size : number * size]
        last = -(-len(entities) // size)
        body = {
            "entities": shown,
            "pageSize": size,
            "pageNumber": number,
            "total": len(entities),
            "pageCount": last,
        }
        body |= {"nextUri": "/next"} if number < last else {}
        return {name: value for name, value in (body | more).items() if value is not None}

    return page


def read(page: Page) -> tuple[Listing, list[int]]:
    made = world()
    shelf = Shelf(made.sandbox, page)
    return listing(made.cloud(transport=shelf).client, QUEUES), shelf.asked


def truth(made: World, path: str) -> dict[str, str]:
    return {each["id"]: each["name"] for each in Lists(made.sandbox.settings)._entities[path]}


@pytest.mark.parametrize("size", [1, 7, 30, 60, 100])
def test_to_the_end(size: int) -> None:
    """Every list is there whole, also where a page takes fewer entities than are asked for."""
    made = world(list_page_max=size)
    client = made.cloud().client
    for kind, path in (
        ("queues", "queues"),
        ("users", "users"),
        ("wrap_up_codes", "wrapupcodes"),
        ("divisions",) * 2,
    ):
        assert listing(client, SOURCES[kind]).names == truth(made, path)


def test_a_small_list_is_one_request() -> None:
    """A short page is the end where everything that it says agrees."""
    assert read(pages([entity(number) for number in range(60)]))[1] == [1]


@pytest.mark.invariant("Names")
@pytest.mark.parametrize("count", [1, 99, 100, 101, 200, 250])
@pytest.mark.parametrize(
    "said",
    [
        {},
        {"total": None},
        {"total": 0},
        {"total": 10},
        {"total": "many"},
        {"pageCount": 1},
        {"pageCount": 9},
        {"pageCount": None, "total": None, "pageSize": None, "nextUri": None},
        {"pageSize": 1},
        {"pageSize": 1000},
        {"nextUri": "/round/and/round"},
        {"nextUri": None, "pageCount": 1},
    ],
    ids=str,
)
def test_what_a_listing_says_of_itself(count: int, said: dict[str, Any]) -> None:
    """A list is read to its end, whatever its totals, page counts and links say."""
    entities = [entity(number) for number in range(count)]
    found, asked = read(pages(entities, **said))
    assert found.names == {each["id"]: each["name"] for each in entities}
    assert len(asked) <= 2 * (count // PAGE_SIZE + 2)


def test_more_is_counted_than_shown() -> None:
    """A list that shows fewer than it counts is read again, until a reading brings nothing new."""
    found, asked = read(pages([entity(number) for number in range(5)], total=9))
    assert (len(found.names), found.lacking) == (5, 4)
    assert asked == [1, 2, 1, 2]


@pytest.mark.invariant("Names")
def test_entities_that_slide() -> None:
    """A list from which entities go while it is read is read again, and then it is whole."""
    entities = [entity(number) for number in range(150)]
    asked = 0

    def page(number: int, size: int) -> Any:
        nonlocal asked
        asked += 1
        body = pages(entities)(number, size)
        if asked == 1:
            del entities[0]
            # What the API counts follows behind.
        return body | {"total": 150}

    found, _ = read(page)
    assert set(found.names) == {f"id-{number}" for number in range(150)}


def test_an_entity_that_comes() -> None:
    """A new entity at the front moves another to the next page: each is there once."""
    entities = [entity(number) for number in range(150)]

    def page(number: int, size: int) -> Any:
        body = pages(entities)(number, size)
        if len(entities) == 150:
            entities.insert(0, entity(999))
        return body

    found, _ = read(page)
    assert set(found.names) == {f"id-{number}" for number in [*range(150), 999]}


def test_a_server_that_repeats_the_last_page() -> None:
    """A page that repeats the one before it is the end."""
    entities = [entity(number) for number in range(200)]
    found, asked = read(
        lambda number, size: pages(entities, total=None, pageCount=None)(min(number, 2), size)
    )
    assert len(found.names) == 200
    assert asked == [1, 2, 3]


def test_a_server_without_page_numbers() -> None:
    """A server that ignores page numbers gives one page; the rest is counted as lacking."""
    entities = [entity(number) for number in range(250)]
    found, asked = read(lambda _number, size: pages(entities)(1, size))
    assert found.lacking == 150
    assert len(asked) == 4


def test_a_page_without_entities_in_the_middle() -> None:
    """A page whose entities this client may not see is not the end, while it says that more follow; two are."""
    entities = [entity(number) for number in range(250)]

    def page(number: int, size: int) -> Any:
        body = pages(entities)(number, size)
        return body | {"entities": []} if number == 2 else body

    found, _ = read(page)
    assert set(found.names) == {f"id-{number}" for number in [*range(100), *range(200, 250)]}
    assert found.lacking == 100
    _, asked = read(
        lambda number, _size: {"entities": [entity(1)] if number == 1 else [], "nextUri": "/next"}
    )
    assert asked == [1, 2, 3]


def test_a_list_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a bound, and reaching it is an error."""
    monkeypatch.setattr(lists, "PAGES_MAX", 20)
    with pytest.raises(UnavailableError, match="no end after 20 pages"):
        read(
            lambda number, size: {
                "entities": [entity(number * size + each) for each in range(size)]
            }
        )


def test_odd_entities() -> None:
    """A name that is not a text is null; an entity without an id is counted and left out."""
    odd = [
        {"id": "a", "name": None},
        {"id": "b"},
        {"id": "c", "name": 7},
        {"id": "d", "name": "Söhne & 李 🎧"},
        {"name": "nobody"},
        {"id": 5, "name": "a number"},
        {"id": "", "name": "empty"},
        "text",
        None,
        {"id": "d", "name": "newer"},
    ]
    found, _ = read(pages(odd))  # type: ignore[arg-type]
    assert found.names == {"a": None, "b": None, "c": None, "d": "newer"}
    assert found.skipped == 5


@pytest.mark.invariant("Names")
@pytest.mark.parametrize(
    "body", [{}, {"entities": []}, {"entities": [], "total": 3}, {"entities": {}}, [], "no", None]
)
def test_nothing_is_not_believed(body: Any) -> None:
    """A body that shows nothing, and does not say that there is nothing, empties no list."""
    with pytest.raises(UnavailableError):
        read(lambda _number, _size: body)


def test_an_empty_list() -> None:
    """No entities, and a total that says so."""
    found, asked = read(pages([]))
    assert (found.names, found.lacking, asked) == ({}, 0, [1])


def test_a_missing_permission() -> None:
    """The refusal names the permission, by the API's word for it."""
    made = world(permissions=Settings().permissions - {"routing:queue:view"})
    with pytest.raises(RefusedError, match="lacks routing:queue:view; grant"):
        listing(made.cloud().client, QUEUES)


@pytest.mark.parametrize(
    ("kind", "words"), [("users", "directory:user:view"), ("divisions", "does not name")]
)
def test_a_refusal_without_words(kind: str, words: str) -> None:
    """A 403 that names no permission gets the list's own, if the list needs one."""
    made = world()

    class Gateway(InProcess):
        def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
            return (
                Answer(403, {}, b"<html>")
                if call.method == "GET"
                else super().send(base, call, headers)
            )

    with pytest.raises(RefusedError, match=words):
        listing(made.cloud(transport=Gateway(made.sandbox)).client, SOURCES[kind])


def test_a_page_size_that_no_list_takes() -> None:
    """Halving ends."""
    made = world()
    made.sandbox.faults.put("queues", *["return-400"] * 20)
    with pytest.raises(RejectedError):
        listing(made.cloud().client, QUEUES)
    assert made.sandbox.counters["queues"] == 7


def test_bad_weather() -> None:
    """Faults on the way are retried, as everywhere."""
    made = world(list_page_max=7)
    for word in (
        "return-503",
        "reset",
        "html-502",
        "truncate-json",
        "expire-token",
        "return-429-after:3",
    ):
        made.sandbox.faults.put("users", word, "pass")
    assert listing(made.cloud().client, SOURCES["users"]).names == truth(made, "users")
