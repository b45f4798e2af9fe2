"""The control plane: what a test asks of the emulator itself, and who may."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.bare import DAY, DETAILS, Client, at, placed

from lastpage_sandbox.control import ROUTES

JSON = {"Content-Type": "application/json"}


def ask(
    client: Client, method: str, path: str, body: Any = None, headers: Any = JSON, **query: str
) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    status, _, raw = client.box.request(method, f"/_sandbox{path}", query, headers, data)
    return status, json.loads(raw) if raw else None


def test_it_says_what_there_is() -> None:
    """The index names every endpoint, and what it is good for."""
    status, body = ask(Client(), "GET", "")
    assert status == 200
    assert [(each["method"], each["path"]) for each in body["endpoints"]] == [
        (method, f"/_sandbox{path}") for method, path, _, _ in ROUTES
    ]


def test_faults_and_receipts() -> None:
    """Words are queued, replaced and forgotten; a word that was served leaves a receipt."""
    client = Client()
    assert ask(client, "POST", "/faults/details.query", {"words": ["return-503", "pass"]})[0] == 200
    assert ask(client, "POST", "/faults/*", {"words": ["stall-0.5s"]})[0] == 200
    pending = ask(client, "GET", "/faults")[1]["pending"]
    assert pending == {"details.query": ["return-503", "pass"], "*": ["stall-0.5s"]}
    assert client.query()[0] == 503
    assert ask(client, "PUT", "/faults/details.query", {"words": ["return-504"]})[0] == 200
    assert client.query()[0] == 504
    receipts = ask(client, "GET", "/receipts")[1]["receipts"]
    assert [(each["endpoint"], each["word"]) for each in receipts] == [
        ("details.query", "return-503"),
        ("details.query", "stall-0.5s"),
        ("details.query", "return-504"),
    ]
    ask(client, "POST", "/faults/token", {"words": ["reset"]})
    assert ask(client, "DELETE", "/faults/details.query")[0] == 204
    assert ask(client, "GET", "/faults")[1] == {"pending": {"token": ["reset"]}}
    assert ask(client, "DELETE", "/faults")[0] == 204
    assert ask(client, "DELETE", "/receipts")[0] == 204
    assert ask(client, "GET", "/faults")[1] == {"pending": {}}
    assert ask(client, "GET", "/receipts")[1] == {"receipts": []}


def test_a_bad_word_replaces_nothing() -> None:
    """A PUT that is refused leaves the queue as it was."""
    client = Client()
    ask(client, "PUT", "/faults/jobs.status", {"words": ["fail-job"]})
    assert (
        ask(client, "PUT", "/faults/jobs.status", {"words": ["return-503", "wall-400"]})[0] == 400
    )
    assert client.box.faults.pending == {"jobs.status": ["fail-job"]}


def test_a_word_waits_for_who_can_use_it() -> None:
    """A word for any endpoint is not wasted on one that it means nothing to."""
    client = Client()
    client.box.faults.put("*", "fail-job")
    client.query()
    name = client.ask("POST", f"{DETAILS}/jobs", {"interval": DAY})[1]["jobId"]
    assert client.ask("GET", f"{DETAILS}/jobs/{name}")[1]["state"] == "FAILED"
    assert client.box.faults.receipts == [("jobs.status", "fail-job")]


def test_the_clock() -> None:
    """It is set, advanced, and given another pace; the Date header and the records follow."""
    client = placed(at(20, 15.4, 12, 1))
    assert ask(client, "GET", "/clock")[1] == {"now": "2023-10-20T15:30:00.000Z", "rate": 1.0}
    assert ask(client, "POST", "/clock", {"advance_s": 60})[1]["now"] == "2023-10-20T15:31:00.000Z"
    assert ask(client, "POST", "/clock", {"rate": 60})[1]["rate"] == 60
    client.clock.sleep(2)
    assert ask(client, "GET", "/clock")[1]["now"] == "2023-10-20T15:33:00.000Z"
    row = client.query("2023-10-20T15:00Z/2023-10-20T16:00Z")[1]["conversations"][0]
    assert "conversationEnd" not in row
    ask(client, "POST", "/clock", {"rate": 0, "set": "2023-10-20T18:00:00+02:00"})
    client.clock.sleep(3600)
    _, page, headers = client.ask(
        "POST", f"{DETAILS}/query", {"interval": "2023-10-20T15:00Z/2023-10-20T16:00Z"}
    )
    assert headers["date"] == "Fri, 20 Oct 2023 16:00:00 GMT"
    assert page["conversations"][0]["conversationEnd"] == "2023-10-20T15:36:00.000Z"


def test_the_truth() -> None:
    """How many there are, by day, their ids, or whole records with attributes; as they are visible now."""
    client = Client()
    two = "2023-10-10T00:00Z/2023-10-12T00:00Z"
    ids = set(ask(client, "GET", "/truth", interval=two, show="ids")[1]["ids"])
    assert ask(client, "GET", "/truth", interval=two)[1] == {"count": len(ids)}
    days = ask(client, "GET", "/truth", interval=two, show="days")[1]["days"]
    assert list(days) == ["2023-10-10", "2023-10-11"]
    assert sum(days.values()) == len(ids)
    records = ask(client, "GET", "/truth", interval=DAY, show="records")[1]["conversations"]
    assert len(records) == days["2023-10-10"]
    jobs = {row["conversationId"]: row for row in client.job(startOfDayIntervalMatching=True)}
    assert {record["conversationId"] for record in records} == set(jobs)
    assert any("attributes" in part for record in records for part in record["participants"])


def test_counters_log_and_jobs() -> None:
    """Requests are counted and remembered, without their headers; the control plane's own are not."""
    client = Client()
    client.query(size=7)
    name = client.submitted()
    counters = ask(client, "GET", "/counters")[1]
    assert counters["requests"]["details.query"] == 1
    assert counters["total"] == sum(counters["requests"].values()) == len(client.box.log)
    assert ask(client, "GET", "/jobs")[1] == {"live": [name]}
    (last,) = ask(client, "GET", "/log", last="1")[1]["requests"]
    assert (last["endpoint"], last["method"], last["status"]) == ("jobs.status", "GET", 200)
    everything = ask(client, "GET", "/log")[1]["requests"]
    query = next(entry for entry in everything if entry["endpoint"] == "details.query")
    assert query["json"]["paging"]["pageSize"] == 7
    assert client.token not in json.dumps(everything)


def test_conversations_by_hand() -> None:
    """One is added, looks as it was asked for, and is deleted for good."""
    client = Client(per_day=0)
    wanted = {
        "start": "2023-10-10T09:00:00Z",
        "end": "2023-10-10T09:05:00Z",
        "media": "chat",
        "queue": "Billing",
    }
    name = ask(client, "POST", "/conversations", wanted)[1]["conversationId"]
    record = client.ask("GET", f"/api/v2/analytics/conversations/{name}/details")[1]
    assert record["conversationEnd"] == "2023-10-10T09:05:00.000Z"
    assert {
        session["mediaType"] for part in record["participants"] for session in part["sessions"]
    } == {"chat"}
    other = ask(client, "POST", "/conversations", {"start": "2023-10-10T09:00:00Z"})[1][
        "conversationId"
    ]
    assert other != name
    assert "conversationEnd" not in client.ask("GET", DETAILS, id=other)[1]["conversations"][0]
    assert ask(client, "DELETE", f"/conversations/{name}")[0] == 204
    assert client.ask("GET", f"/api/v2/analytics/conversations/{name}/details")[0] == 404
    assert client.query()[1]["totalHits"] == 1
    assert ask(client, "POST", "/conversations", {**wanted, "id": name})[1] == {
        "conversationId": name
    }
    assert client.query()[1]["totalHits"] == 2


def test_changes_wait_for_their_turn() -> None:
    """The world does not change while a request looks at it, so no answer is half old and half new."""
    client = Client()
    with ThreadPoolExecutor(1) as pool:
        with client.box.turn:
            change = pool.submit(
                ask, client, "POST", "/conversations", {"start": "2023-10-10T09:00:00Z"}
            )
            with pytest.raises(TimeoutError):
                change.result(timeout=0.05)
        assert change.result()[0] == 200


def test_reset() -> None:
    """Everything is as at the start: the clock, the world, the queues; tokens and jobs are gone, the conversations the same."""
    client = Client()
    before = ask(client, "GET", "/truth", interval=DAY, show="ids")[1]
    client.submitted()
    ask(client, "POST", "/conversations", {"start": "2023-10-10T09:00:00Z"})
    ask(client, "POST", "/faults/*", {"words": ["reset"]})
    ask(client, "POST", "/clock", {"advance_s": 1e6, "rate": 5})
    assert ask(client, "POST", "/reset")[0] == 204
    assert ask(client, "GET", "/truth", interval=DAY, show="ids")[1] == before
    assert ask(client, "GET", "/clock")[1] == {"now": "2023-10-20T15:30:00.000Z", "rate": 1.0}
    assert ask(client, "GET", "/faults")[1] == {"pending": {}}
    assert ask(client, "GET", "/jobs")[1] == {"live": []}
    assert ask(client, "GET", "/counters")[1] == {"requests": {}, "total": 0}
    assert client.query()[0] == 401
    client.token = client.log_in()[1]["access_token"]
    assert client.query()[0] == 200


def test_settings() -> None:
    """Every switch can be read, and the secret cannot."""
    client = Client(per_day=17)
    settings = ask(client, "GET", "/settings")[1]
    assert settings["per_day"] == 17
    assert settings["client_id"] == client.box.settings.client_id
    assert client.box.settings.client_secret not in json.dumps(settings)


@pytest.mark.parametrize(
    ("method", "path", "body", "query", "says"),
    [
        ("POST", "/faults/nowhere", {"words": ["reset"]}, {}, "there is no endpoint 'nowhere'"),
        ("POST", "/faults/token", {"words": ["explode"]}, {}, "there is no fault 'explode'"),
        ("POST", "/faults/token", {"words": ["return-418"]}, {}, "there is no fault 'return-418'"),
        ("POST", "/faults/token", {"words": ["empty-page"]}, {}, "empty-page means nothing to token"),
        ("POST", "/faults/token", {"words": "reset"}, {}, "words"),
        ("POST", "/faults/token", {"word": ["reset"]}, {}, "word"),
        ("PUT", "/faults/token", b"[1]", {}, "not what this takes"),
        ("PUT", "/faults/token", b"", {}, "truncated"),
        ("DELETE", "/faults/nowhere", None, {}, "there is no endpoint"),
        ("POST", "/clock", {}, {}, "give set"),
        ("POST", "/clock", {"set": "noon"}, {}, "'noon' is no date and time"),
        ("POST", "/clock", {"set": "1066-10-14T09:00:00Z"}, {}, "is no date and time"),
        ("POST", "/clock", {"set": "1999-12-31T23:59:59Z"}, {}, "from the year 2000"),
        ("POST", "/clock", {"advance_s": 1e300}, {}, "from the year 2000"),
        ("POST", "/clock", {"rate": -1}, {}, "rate"),
        ("POST", "/clock", {"pace": 1}, {}, "pace"),
        ("GET", "/truth", None, {}, "interval is missing"),
        ("GET", "/truth", None, {"interval": "2023-10-10"}, "interval is missing or malformed"),
        ("GET", "/truth", None, {"interval": "a/b"}, "'a' is no date and time"),
        ("GET", "/truth", None, {"interval": "2023-10-11T00:00Z/2023-10-10T00:00Z"}, "starts before it ends"),
        ("GET", "/truth", None, {"interval": "2013-10-11T00:00Z/2023-10-10T00:00Z"}, "at most 366 days"),
        ("GET", "/truth", None, {"interval": "2023-10-10T00:00Z/2023-10-11T00:00Z", "show": "all"}, "show is one of"),
        ("GET", "/truth", None, {"interval": "2023-08-01T00:00Z/2023-10-11T00:00Z", "show": "records"}, "too many"),
        ("GET", "/log", None, {"last": "-1"}, "last is a number"),
        ("GET", "/log", None, {"last": "²"}, "last is a number"),
        ("POST", "/conversations", {}, {}, "start"),
        ("POST", "/conversations", {"start": "2023-10-10T09:00Z", "queue": "Tea"}, {}, "there is no queue 'Tea'"),
        ("POST", "/conversations", {"start": "2023-10-10T09:00Z", "division": "Mars"}, {}, "there is no division"),
        ("POST", "/conversations", {"start": "2023-10-10T09:00Z", "fate": "eaten"}, {}, "there is no fate"),
        ("POST", "/conversations", {"start": "2023-10-10T09:00Z", "media": "smoke"}, {}, "smoke"),
        ("POST", "/conversations", {"start": "2023-10-10T09:00Z", "agent": 60}, {}, "agent"),
        ("POST", "/conversations", {"start": "2023-10-10T09:00Z", "id": "x"}, {}, "id is a UUID"),
        ("POST", "/conversations", {"start": "2023-10-10T09:00Z", "end": "2023-10-10T08:00Z"}, {}, "ends after it starts"),
        ("POST", "/conversations", {"start": "2023-10-10T09:00Z", "end": "2023-11-10T08:00Z"}, {}, "lives at most 5 days"),
        ("DELETE", "/conversations/nobody", None, {}, "there is no conversation nobody"),
    ],
)  # fmt: skip
def test_bad_input(method: str, path: str, body: Any, query: dict[str, str], says: str) -> None:
    """Whatever is wrong is a 400 with a sentence that names it, and nothing has changed."""
    client = Client()
    status, answer = ask(client, method, path, body, **query)
    assert (status, list(answer)) == (400, ["error"])
    assert says in answer["error"]
    assert not client.box.faults.pending
    assert client.box.now() == client.clock.at


def test_what_is_not_there() -> None:
    """A wrong path is a 404 that says where to look."""
    status, answer = ask(Client(), "PUT", "/clock", {"rate": 1})
    assert status == 404
    assert "GET /_sandbox says what there is" in answer["error"]


@pytest.mark.parametrize(
    "host",
    ["evil.example:8025", "192.0.2.7", "127.0.0.1.evil.example", "[::2]", "[", "localhost.evil"],
)
def test_other_hosts_are_refused(host: str) -> None:
    """A web page whose name leads here is refused, unless the server was opened to others on purpose."""
    client = Client()
    headers = {**JSON, "Host": host}
    assert ask(client, "GET", "/clock", headers=headers)[0] == 403
    client.box.open_to_others = True
    assert ask(client, "GET", "/clock", headers=headers)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8025", "localhost", "LOCALHOST:80", "[::1]:8025", "127.9.9.9", "box.localhost"],
)
def test_this_machine_is_welcome(host: str) -> None:
    """Loopback by any name."""
    assert ask(Client(), "GET", "/clock", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "kind",
    [None, "text/plain", "application/x-www-form-urlencoded", "text/plain; a=application/json"],
)
def test_forms_are_refused(kind: str | None) -> None:
    """What a web page could post without asking is a 415."""
    client = Client()
    headers = {} if kind is None else {"Content-Type": kind}
    assert ask(client, "POST", "/reset", headers=headers)[0] == 415
    assert ask(client, "POST", "/clock", {"rate": 0}, headers=headers)[0] == 415
    assert client.box.clock.rate == 1


def test_it_is_no_part_of_the_api() -> None:
    """No token, no allowance, no faults; and nothing of it is counted."""
    client = Client(requests_per_minute=1, profile="hostile")
    client.box.faults.put("*", "return-503", "reset")
    assert {ask(client, "GET", "/clock")[0] for _ in range(200)} == {200}
    assert client.box.faults.pending == {"*": ["return-503", "reset"]}
    assert client.box.counters.total() == len(client.box.log) <= 1
