"""What is an answer and what only looks like one: by assertion, and through the client that asks again."""

import json
from typing import Any

import pytest
from tests.api.test_client import OK, Script, client

from lastpage.api import shapes
from lastpage.api.messages import Answer, Call, read_page
from lastpage.errors import UnavailableError

ROW = {"conversationId": "c", "conversationStart": "2023-10-01T10:00:00.000Z"}
ERROR = {"message": "it broke", "code": "internal.server.error", "status": 500, "errors": []}
CALLS = {
    name: Call("GET", f"/{name}", endpoint=f"GET /{name}", reads=getattr(shapes, name))
    for name in ("page", "results", "record")
}
HTML = Answer(200, {"content-type": "text/html"}, b"<html><form></form></html>")


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json"}, json.dumps(body).encode())


def test_every_reader_is_listed() -> None:
    """The table at the top of the file names each reader that has keys of its own."""
    assert all(f"`{name}` " in f"{shapes.__doc__}" for name in CALLS)


@pytest.mark.parametrize(
    ("asked", "body"),
    [
        ("page", {"conversations": [ROW], "totalHits": 1}),
        ("page", {"totalHits": 0}),
        ("page", {"conversations": []}),
        ("page", {"conversations": None}),
        ("page", {"conversations": [{"conversationStart": "soon"}]}),
        ("page", {"totalHits": 5, "tomorrow": 1}),
        ("results", {"conversations": [ROW]}),
        ("results", {"cursor": "a"}),
        ("results", {"cursor": None}),
        ("results", {"dataAvailabilityDate": "2023-10-01T10:00:00.000Z"}),
        ("record", ROW),
        ("record", {"conversationId": "c", "conversationStart": "soon"}),
    ],
)
def test_what_is_an_answer(asked: str, body: Any) -> None:
    """One of the endpoint's own keys is enough, whatever its value; a broken record breaks nothing."""
    assert shapes.flaw(CALLS[asked], answer(body)) == ""


@pytest.mark.parametrize("asked", CALLS)
@pytest.mark.parametrize(
    "body",
    [{}, ERROR, [], None, "ok", {"status": "ok"}, {"entities": []}, {"nextPageToken": "a"}],
    ids=str,
)
def test_what_is_none(asked: str, body: Any) -> None:
    """A body without a key of the endpoint's is no answer, and no empty one either."""
    assert shapes.flaw(CALLS[asked], answer(body))


@pytest.mark.parametrize(
    "raw", [b"", b"<html>", b"\xff", b'{"totalHits": tru', b'{"message":"\\ud800"}']
)
@pytest.mark.parametrize("asked", CALLS)
def test_what_is_no_json(asked: str, raw: bytes) -> None:
    """A body that is not JSON is no answer, nor is half a character in another's keys."""
    assert shapes.flaw(CALLS[asked], Answer(200, {}, raw))


@pytest.mark.parametrize(
    ("spelt", "rows"),
    [(b"3000", 3000), (b"3000.0", 3000), (b'"3000"', 3000), (b"3e3", 3000), (b"0", 0)],
)
def test_a_count_however_it_is_spelt(spelt: bytes, rows: int) -> None:
    """`totalHits` as an integer, with a decimal point or as text is the same number."""
    read = read_page(b'{"totalHits":' + spelt + b"}")
    assert read.total_hits == rows
    assert type(read.total_hits) is int
    # The same where one record is broken, since such a page is read another way.
    assert read_page(b'{"conversations":[1],"totalHits":' + spelt + b"}").total_hits == rows


@pytest.mark.parametrize("spelt", [b"-1", b"2.5", b"1e400", b"true", b'"many"', b'""', b"[]"])
def test_a_count_that_is_none(spelt: bytes) -> None:
    """What is not a number of rows makes the answer unreadable, instead of a count of 0."""
    assert shapes.flaw(CALLS["page"], Answer(200, {}, b'{"totalHits":' + spelt + b"}"))


# The client ---------------------------------------------------------------------------------------


@pytest.mark.invariant("Truthful")
@pytest.mark.parametrize("odd", [HTML, answer({}), answer(ERROR), Answer(204)], ids=str)
@pytest.mark.parametrize("asked", CALLS)
def test_what_is_no_answer_is_asked_again(asked: str, odd: Answer) -> None:
    """A sign-in page, an error in disguise or `{}` is asked for again, with growing waits; in the end it is an error, never no rows."""
    good = answer({"conversations": [ROW], "conversationId": "c"})
    cloud = client(Script(odd, odd, good))
    before = cloud.clock.now()
    assert cloud.send(CALLS[asked]) is good
    assert cloud.counts.retries == 2
    assert cloud.clock.now() > before
    with pytest.raises(UnavailableError, match=r"not this API's JSON after \d+ tries") as raised:
        client(Script(*[odd] * 60)).send(CALLS[asked])
    assert (raised.value.exit_code, raised.value.status) == (5, odd.status)


def test_an_error_in_disguise_is_quoted() -> None:
    """What an error body says stands in the sentence, though its status said that all is well."""
    with pytest.raises(UnavailableError, match=r"\(it broke\).*internal\.server\.error"):
        client(Script(*[answer(ERROR)] * 60)).send(CALLS["page"])


def test_what_is_not_read_may_be_anything() -> None:
    """A call whose answer nobody reads takes whatever comes with a good status."""
    assert client(Script(HTML)).send(Call("DELETE", "/x")) is HTML


MAY_BE_BLANK = Call("GET", "/page", endpoint="GET /page", reads=shapes.page, may_be_blank=True)
BLANK = answer({})


def test_nothing_three_times() -> None:
    """Where a page may be the last, `{}` is believed once it came three times; anything else that cannot be read is not."""
    script = Script(BLANK, BLANK, BLANK, OK)
    assert client(script).send(MAY_BE_BLANK) is BLANK
    assert len(script.sent) == 3
    script = Script(BLANK, HTML, BLANK, answer(ERROR), BLANK, OK)
    assert client(script).send(MAY_BE_BLANK) is BLANK
    assert script.answers == [OK]
    page = answer({"conversations": [ROW]})
    assert client(Script(BLANK, BLANK, page)).send(MAY_BE_BLANK) is page
    with pytest.raises(UnavailableError):
        client(Script(*[HTML] * 60)).send(MAY_BE_BLANK)
