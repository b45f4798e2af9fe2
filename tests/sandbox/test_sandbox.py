"""The sandbox's own rules, each with the section of docs/api.md it stands on. No line of the client is used here."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.bare import DAY, DETAILS, Client, at, placed

from lastpage_sandbox import IncompleteBody, Settings


def test_the_token() -> None:
    """1.1: a token by Basic and form; a bad client is a 400 with a body of its own."""
    client = Client()
    status, body = client.log_in()
    assert (status, body["token_type"], body["expires_in"]) == (200, "bearer", 86_399)
    assert "refresh_token" not in body
    assert client.log_in(client="x") == (
        400,
        {
            "error": "invalid_client",
            "description": "client not found",
            "error_description": "client not found",
        },
    )
    assert client.log_in(secret="x")[1]["description"] == "authentication failed"
    assert client.log_in(body=b"grant_type=password")[0] == 400


def test_401s() -> None:
    """1.8: no token, an unknown one, an expired one."""
    client = Client(token_lifetime_s=300)
    assert client.box.request("GET", "/api/v2/organizations/me")[0] == 401
    good, client.token = client.token, "unknown"
    assert client.ask("GET", "/api/v2/organizations/me")[1]["code"] == "bad.credentials"
    client.token = good
    client.clock.sleep(301)
    assert client.ask("GET", "/api/v2/organizations/me")[1]["code"] == "credentials.expired"


def test_the_allowance() -> None:
    """1.2, 2, 8: three headers on every answer, 429 with Retry-After beyond the allowance, a new window after 60 seconds."""
    client = Client(requests_per_minute=5)
    for count in range(1, 6):
        headers = client.ask("GET", "/api/v2/organizations/me")[2]
        assert headers["inin-ratelimit-count"] == str(count)
    status, body, headers = client.ask("GET", "/api/v2/organizations/me")
    assert (status, body["code"]) == (429, "too.many.requests.retry.after")
    client.clock.sleep(float(headers["retry-after"]))
    assert client.ask("GET", "/api/v2/organizations/me")[0] == 200


def test_windows_of_the_allowance() -> None:
    """8: a window may be of any length; it has its share of what is allowed a minute, and a new one is whole."""
    client = Client(requests_per_minute=60, rate_window_s=30)
    for _ in range(2):
        headers = client.ask("GET", "/api/v2/organizations/me")[2]
        told = [headers[f"inin-ratelimit-{name}"] for name in ("count", "allowed", "reset")]
        assert told == ["1", "30", "30"]
        client.clock.sleep(30)


def test_pages_and_their_end() -> None:
    """1.3: pages of at most 100; the page past the end has no `conversations` key at all, and totalHits."""
    client = Client()
    hits = client.query()[1]["totalHits"]
    pages = [client.query(number=number)[1] for number in range(1, hits // 100 + 3)]
    assert sum(len(page.get("conversations", [])) for page in pages) == hits
    assert pages[-1] == {"totalHits": hits}
    assert Client(empty_answer="empty-list").query(number=99)[1]["conversations"] == []


def test_the_default_page() -> None:
    """2: 25 rows without paging, ascending by start."""
    client = Client()
    rows = client.ask("POST", f"{DETAILS}/query", {"interval": DAY})[1]["conversations"]
    assert len(rows) == 25
    assert rows == sorted(rows, key=lambda row: row["conversationStart"])


@pytest.mark.parametrize(
    ("switch", "status", "rows"), [("reject", 400, None), ("clamp", 200, 100), ("accept", 200, 200)]
)
def test_a_page_size_above_100(switch: Any, status: int, rows: int | None) -> None:
    """11, row 1: what happens is a switch."""
    answered, body = Client(page_size_over_100=switch).query(size=200)
    assert answered == status
    assert rows is None or len(body["conversations"]) == rows


@pytest.mark.parametrize(
    ("switch", "status", "code"),
    [
        ("504", 504, "request.timeout"),
        ("413", 413, "request.entity.too.large"),
        ("400", 400, "response.entity.too.large"),
    ],
)
def test_a_page_that_is_too_large(switch: Any, status: int, code: str) -> None:
    """11, row 26: pages above so many rows or bytes are refused on both ways, smaller ones and counts are not."""
    for limit in ({"page_rows_max": 10}, {"page_bytes_max": 200_000}):
        client = Client(page_too_large=switch, **limit)
        answered, body = client.query(size=100)
        assert (answered, body["code"]) == (status, code)
        assert client.query(size=10)[0] == client.query(size=1)[0] == 200
        assert client.query(size=100, number=99)[0] == 200
        results = f"{DETAILS}/jobs/{client.submitted()}/results"
        answered, body, _ = client.ask("GET", results, pageSize=100)
        assert (answered, body["code"]) == (status, code)
        assert client.ask("GET", results, pageSize=10)[0] == 200


def test_a_page_of_270_megabytes() -> None:
    """11, row 26: or a page is as large as no client should be made to take, and still a page."""
    client = Client(page_rows_max=2, page_too_large="huge")
    body = json.dumps({"interval": DAY, "paging": {"pageSize": 3, "pageNumber": 1}}).encode()
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    status, _, raw = client.box.request("POST", f"{DETAILS}/query", None, headers, body)
    assert (status, len(raw)) == (200, 270_000_000)
    assert len(json.loads(raw)["conversations"]) == 3


def test_the_wall() -> None:
    """1.8, 2: page number times size beyond the cap is a 400 with the known text."""
    client = Client(pagination_cap=1000)
    assert client.query(number=10)[0] == 200
    status, body = client.query(number=11)
    assert status == 400
    assert body["message"].startswith("Pagination may not exceed 1000 results.")


def test_seven_and_thirty_one_days() -> None:
    """2: 7 days unfiltered, 31 filtered; a filter without predicates lifts nothing."""
    client = Client(per_day=5)
    week, more = "2023-10-01T00:00Z/2023-10-08T00:00Z", "2023-10-01T00:00Z/2023-10-08T00:01Z"
    assert client.query(week)[0] == 200
    status, body = client.query(more)
    assert (status, "does not exceed 7 days" in body["message"]) == (400, True)
    voice = [{"type": "or", "predicates": [{"dimension": "mediaType", "value": "voice"}]}]
    assert client.query(more, segmentFilters=voice)[0] == 200
    assert client.query(more, segmentFilters=[{"type": "or", "predicates": []}])[0] == 400
    assert client.query("2023-09-01T00:00Z/2023-10-08T00:00Z", segmentFilters=voice)[0] == 400


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid.date"),
        ({"interval": "yesterday"}, "invalid.date"),
        ({"interval": "2023-10-11T00:00Z/2023-10-10T00:00Z"}, "invalid.date"),
        ({"interval": DAY, "order": "up"}, "invalid.value"),
        ({"interval": DAY, "orderBy": "size"}, "invalid.value"),
        ({"interval": DAY, "paging": {"pageSize": 25}}, "bad.request"),
        ({"interval": DAY, "paging": {"pageSize": 25, "pageNumber": 0}}, "bad.request"),
        ({"interval": DAY, "segmentFilters": [{"predicates": []}]}, "invalid.value"),
        (
            {
                "interval": DAY,
                "conversationFilters": [
                    {"type": "and", "predicates": [{"dimension": "queueId", "value": "x"}]}
                ],
            },
            "invalid.value",
        ),
    ],
)
def test_bad_queries(body: dict[str, Any], code: str) -> None:
    """1.8: malformed queries are 400s with the API's codes and the usual body."""
    status, answer, headers = Client().ask("POST", f"{DETAILS}/query", body)
    assert (status, answer["code"], answer["status"]) == (400, code, 400)
    assert answer["contextId"] == headers["inin-correlation-id"]
    assert answer["details"] == answer["errors"] == []


@pytest.mark.parametrize(
    ("switch", "found"),
    [("day+overlap", {2, 3, 4}), ("exact-start", {3, 4}), ("whole-day", {2, 3, 4, 5})],
)
def test_what_an_hour_selects(switch: Any, found: set[int]) -> None:
    """3.1 and 11, row 5: by the days touched, then by life; an earlier day's conversation is missed either way."""
    client = placed(
        at(9, 23, 900, 1),
        at(10, 8, 200, 2),
        at(10, 10.2, 5, 3),
        at(10, 10.9, 60, 4),
        at(10, 14, 5, 5),
        sync_interval=switch,
    )
    rows = client.query("2023-10-10T10:00Z/2023-10-10T11:00Z")[1].get("conversations", [])
    assert {int(row["conversationId"][:8], 16) for row in rows} == found


def test_what_a_job_selects() -> None:
    """3.1: everything active in the interval; with startOfDayIntervalMatching what started since that day's midnight."""
    client = placed(at(9, 23, 900, 1), at(10, 8, 200, 2), at(10, 10.2, 5, 3), at(10, 14, 5, 5))
    hour = "2023-10-10T10:00Z/2023-10-10T11:00Z"
    assert {int(row["conversationId"][:8], 16) for row in client.job(interval=hour)} == {1, 2, 3}
    assert {
        int(row["conversationId"][:8], 16)
        for row in client.job(interval=hour, startOfDayIntervalMatching=True)
    } == {2, 3}


def test_both_routes_agree() -> None:
    """3.3: for a day long past, the same conversations; attributes only in job results."""
    client = Client()
    hits = client.query()[1]["totalHits"]
    pages = [
        row
        for number in range(1, hits // 100 + 2)
        for row in client.query(number=number)[1].get("conversations", [])
    ]
    jobs = client.job(startOfDayIntervalMatching=True)
    assert {row["conversationId"] for row in pages} == {row["conversationId"] for row in jobs}
    assert any("attributes" in part for row in jobs for part in row["participants"])
    assert not any("attributes" in part for row in pages for part in row["participants"])


def test_a_jobs_life() -> None:
    """1.4: 202 with an id; 202 while it runs, 200 when done; results only then; 204 for its deletion, 404 afterwards."""
    client = Client(job_polls=2)
    status, body, _ = client.ask("POST", f"{DETAILS}/jobs", {"interval": DAY})
    path = f"{DETAILS}/jobs/{body['jobId']}"
    assert status == 202
    assert client.ask("GET", f"{path}/results")[0] == 404
    states = [client.ask("GET", path)[:2] for _ in range(3)]
    assert [(status, body["state"]) for status, body in states] == [
        (202, "PENDING"),
        (202, "PENDING"),
        (200, "FULFILLED"),
    ]
    assert {"submissionDate", "completionDate", "expirationDate"} <= set(states[-1][1])
    assert client.ask("GET", f"{path}/results")[0] == 200
    assert client.ask("DELETE", path)[:2] == (204, None)
    assert client.ask("GET", path)[0] == 404


def test_cursors() -> None:
    """3.5: opaque, different for each page, absent on the last one; a foreign one is a 400."""
    client = Client()
    name = client.submitted()
    page = client.ask("GET", f"{DETAILS}/jobs/{name}/results", pageSize=10)[1]
    cursors = set()
    while cursor := page.get("cursor"):
        assert cursor not in cursors
        cursors.add(cursor)
        page = client.ask("GET", f"{DETAILS}/jobs/{name}/results", pageSize=10, cursor=cursor)[1]
    assert "cursor" not in page
    assert client.ask("GET", f"{DETAILS}/jobs/{name}/results", cursor="abc")[0] == 400
    assert client.ask("GET", f"{DETAILS}/jobs/{name}/results", pageSize=10_001)[0] == 400


def test_the_watermark() -> None:
    """3.3: the lake is behind; a job beyond it is FULFILLED and silently lacks rows."""
    client = Client(watermark_lag_s=6 * 3600, per_day=600)
    mark = client.ask("GET", f"{DETAILS}/jobs/availability")[1]["dataAvailabilityDate"]
    assert mark == "2023-10-20T09:30:00.000Z"
    today = "2023-10-20T00:00Z/2023-10-20T15:00Z"
    fresh = {
        row["conversationStart"]
        for number in range(1, 9)
        for row in client.query(today, number=number)[1].get("conversations", [])
    }
    lake = {
        row["conversationStart"]
        for row in client.job(interval=today, startOfDayIntervalMatching=True)
    }
    assert {start for start in fresh if start < mark} <= lake
    assert {start for start in fresh if start >= mark} - lake
    assert Client(availability="403").ask("GET", f"{DETAILS}/jobs/availability")[0] == 403


def test_filters() -> None:
    """1.3: an element is met by one segment, elements may be met by different ones; exists and notExists."""
    client = Client()

    def hits(**more: Any) -> int:
        return int(client.query(**more)[1]["totalHits"])

    def some(dimension: str, value: str) -> dict[str, Any]:
        return {"type": "and", "predicates": [{"dimension": dimension, "value": value}]}

    everything = hits()
    voice = hits(segmentFilters=[some("mediaType", "VOICE")])
    assert 0 < voice < everything
    agents = hits(segmentFilters=[some("purpose", "agent")])
    assert 0 < agents < everything
    assert hits(segmentFilters=[some("mediaType", "voice"), some("purpose", "agent")]) < voice
    both = {
        "type": "and",
        "predicates": [
            {"dimension": "segmentType", "value": "alert"},
            {"dimension": "segmentType", "value": "wrapup"},
        ],
    }
    assert hits(segmentFilters=[both]) == 0
    directions = [
        hits(conversationFilters=[some("originatingDirection", "inbound")]),
        hits(conversationFilters=[some("originatingDirection", "outbound")]),
        hits(
            conversationFilters=[
                {
                    "type": "and",
                    "predicates": [{"dimension": "originatingDirection", "operator": "notExists"}],
                }
            ]
        ),
    ]
    assert sum(directions) == everything
    assert all(directions)


def test_quick_filters_are_true() -> None:
    """Filters answered from the skeleton select what the rendered record would."""
    client = Client(per_day=200)
    quick = [
        {
            "type": "or",
            "predicates": [
                {"dimension": "mediaType", "value": "chat"},
                {"dimension": "mediaType", "value": "voice"},
            ],
        }
    ]
    slow = [{"type": "or", "clauses": [{"type": "or", "predicates": quick[0]["predicates"]}]}]
    assert client.query(segmentFilters=quick) == client.query(segmentFilters=slow)


@pytest.mark.parametrize(("switch", "found"), [("conversation", 1), ("interval", 0)])
def test_segments_outside_the_interval(switch: Any, found: int) -> None:
    """11, row 21: whether a filter sees segments after the interval is a switch."""
    client = placed(at(10, 23.9, 60, 1, lead_ms=1_800_000, wait_ms=600_000), segment_scope=switch)
    agent = [{"type": "and", "predicates": [{"dimension": "purpose", "value": "agent"}]}]
    assert client.query(segmentFilters=agent)[1]["totalHits"] == found


def test_a_record_grows() -> None:
    """3.4: an open conversation has no end, no later segments and no completed metrics; the ended one has."""
    client = placed(at(20, 15.4, 12, 1))
    open_yet = client.query("2023-10-20T15:00Z/2023-10-20T15:30Z")[1]["conversations"][0]
    assert "conversationEnd" not in open_yet
    client.clock.sleep(3600)
    ended = client.query("2023-10-20T15:00Z/2023-10-20T15:30Z")[1]["conversations"][0]
    assert ended["conversationEnd"] == "2023-10-20T15:36:00.000Z"
    assert len(json.dumps(ended)) > len(json.dumps(open_yet))
    agent = next(part for part in ended["participants"] if part["purpose"] == "agent")
    metrics = {each["name"]: each["value"] for each in agent["sessions"][0]["metrics"]}
    assert (
        metrics["tHandle"] == metrics["tTalkComplete"] + metrics["tHeldComplete"] + metrics["tAcw"]
    )


def test_evaluations_come_later() -> None:
    """3.4: evaluations and surveys are filled days after the end."""
    client = Client(evaluated_share=0.2, surveyed_share=0.2)
    start, end = datetime(2023, 10, 19, tzinfo=UTC), datetime(2023, 10, 20, tzinfo=UTC)
    assert not any(
        "evaluations" in record or "surveys" in record
        for record in client.box.truth(start, end).values()
    )
    client.clock.sleep(10 * 86_400)
    later = client.box.truth(start, end).values()
    assert any("evaluations" in record for record in later)
    assert any("surveys" in record for record in later)


def test_the_same_seed_is_the_same_organisation() -> None:
    """A world is a pure function of seed and time."""
    day = (datetime(2023, 10, 10, tzinfo=UTC), datetime(2023, 10, 11, tzinfo=UTC))
    assert Client(seed=9).box.truth(*day) == Client(seed=9).box.truth(*day)
    assert Client(seed=9).box.truth_ids(*day).isdisjoint(Client(seed=10).box.truth_ids(*day))


def test_shape() -> None:
    """5.1: compact, nulls left out, three digits and Z, integers as metric values, scalars before collections."""
    client = Client()
    for record in client.job():
        assert list(record)[-1] == "participants"
        assert len(record["conversationStart"]) == 24
        for part in record["participants"]:
            for session in part["sessions"]:
                assert all(
                    isinstance(metric["value"], int) for metric in session.get("metrics", [])
                )
                assert None not in session.values()


def test_gzip() -> None:
    """1.2: bodies are compressed when asked for."""
    client = Client()
    headers = {
        "Authorization": f"Bearer {client.token}",
        "Content-Type": "application/json",
        "Accept-Encoding": "gzip",
    }
    _, answered, raw = client.box.request(
        "POST", f"{DETAILS}/query", None, headers, json.dumps({"interval": DAY}).encode()
    )
    assert answered["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(raw))["totalHits"] > 0


def test_permissions() -> None:
    """1.8, 7: without the permission 403, its names in the message and the parameters."""
    client = Client(permissions=frozenset())
    status, body = client.query()
    assert (status, body["code"]) == (403, "missing.any.permissions")
    assert "analytics:conversationDetail:view" in body["message"]
    assert "analytics:conversationDetail:view" in body["messageParams"]["permissions"]


def test_by_id() -> None:
    """1.5: several by id, unknown ones just missing; one by id, 404 if unknown."""
    client = Client()
    name = next(
        iter(
            client.box.truth_ids(
                datetime(2023, 10, 10, tzinfo=UTC), datetime(2023, 10, 11, tzinfo=UTC)
            )
        )
    )
    found = client.ask("GET", DETAILS, id=f"{name},00000000-0000-4000-8000-000000000000")[1][
        "conversations"
    ]
    assert [record["conversationId"] for record in found] == [name]
    assert client.ask("GET", f"/api/v2/analytics/conversations/{name}/details")[0] == 200
    assert client.ask("GET", "/api/v2/analytics/conversations/nobody/details")[0] == 404


def test_routes_and_bodies_that_are_none() -> None:
    """1.8: a wrong path is the router's 404; a POST without JSON is a 415 or a 400."""
    client = Client()
    assert client.ask("GET", f"{DETAILS}/query")[1]["code"] == "not found"
    headers = {"Authorization": f"Bearer {client.token}"}
    assert client.box.request("POST", f"{DETAILS}/query", None, headers, b"{}")[0] == 415
    assert (
        client.box.request(
            "POST", f"{DETAILS}/query", None, {**headers, "Content-Type": "application/json"}, b"{"
        )[0]
        == 400
    )


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("return-503", 503),
        ("return-429", 429),
        ("return-429-after:9", 429),
        ("html-502", 502),
        ("html-200", 200),
        ("error-200", 200),
        ("blank-200", 200),
        ("expire-token", 401),
    ],
)
def test_fault_words(word: str, status: int) -> None:
    """A word is served once, to the endpoint it was put for, and leaves a receipt."""
    client = Client()
    client.box.faults.put("details.query", word)
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    answered, fields, _ = client.box.request(
        "POST", f"{DETAILS}/query", None, headers, json.dumps({"interval": DAY}).encode()
    )
    assert answered == status
    assert fields.get("retry-after") == ("9" if word.endswith(":9") else None)
    assert client.box.faults.receipts == [("details.query", word)]
    assert not client.box.faults.pending


@pytest.mark.parametrize(
    ("word", "begins"),
    [("html-200", b"<html>"), ("error-200", b'{"message":"The server'), ("blank-200", b"{}")],
)
def test_answers_in_disguise(word: str, begins: bytes) -> None:
    """1.8: what a gateway or a sign-in page may say with status 200, on any endpoint."""
    client = Client()
    client.box.faults.put("organization", word)
    headers = {"Authorization": f"Bearer {client.token}"}
    status, fields, raw = client.box.request("GET", "/api/v2/organizations/me", None, headers)
    assert (status, raw[: len(begins)]) == (200, begins)
    assert ("html" in word) == (fields["content-type"] == "text/html")


def test_faults_of_the_wire() -> None:
    """A reset is a reset, a cut body is cut, a stall takes its time."""
    client = Client()
    client.box.faults.put("*", "reset", "cut-after-1k", "stall-30s")
    with pytest.raises(ConnectionResetError):
        client.query()
    with pytest.raises(IncompleteBody) as cut:
        client.query()
    assert 0 < len(cut.value.partial) <= 1024
    before = client.clock.at
    assert client.query()[0] == 200
    assert client.clock.at - before == 30


def test_slides() -> None:
    """3.2: conversations arrive between pages; rows move, and the truth grows."""
    client = Client()
    day = (datetime(2023, 10, 10, tzinfo=UTC), datetime(2023, 10, 11, tzinfo=UTC))
    before = client.box.truth_ids(*day)
    client.box.faults.put("details.query", "slide-rows")
    client.query()
    after = client.box.truth_ids(*day)
    assert before < after


@pytest.mark.parametrize(
    ("endpoint", "word"), [("nowhere", "reset"), ("*", "explode"), ("*", "return-999")]
)
def test_unknown_faults(endpoint: str, word: str) -> None:
    """An unknown fault is refused at once, not when it should have happened."""
    with pytest.raises(ValueError, match="there is no"):
        Client().box.faults.put(endpoint, word)


def test_tokens_between_pages() -> None:
    """11, row 22: a dialect that sends a continuation token and takes it back; page numbers mean nothing to it."""
    client = Client(dialect="next-page-token")
    first = client.query()[1]
    assert client.query(number=2)[1]["conversations"] == first["conversations"]
    body = {"interval": DAY, "paging": {"pageSize": 100, "pageNumber": 7}}
    rows, page = first["conversations"], first
    while "nextPageToken" in page:
        token = page["nextPageToken"]
        page = client.ask("POST", f"{DETAILS}/query", body, nextPageToken=token)[1]
        rows += page["conversations"]
    assert len({row["conversationId"] for row in rows}) == len(rows) == first["totalHits"]
    assert client.ask("POST", f"{DETAILS}/query", body, nextPageToken="mine")[0] == 400


def test_page_one_again() -> None:
    """11, row 12: `first-page` gives the first rows for any page, and a token or a cursor that was not seen before."""
    client = Client(dialect="next-page-token")
    client.box.faults.put("details.query", *["first-page"] * 9)
    body = {"interval": DAY, "paging": {"pageSize": 100, "pageNumber": 1}}
    pages = [client.query()[1]]
    for _ in range(8):
        token = pages[-1]["nextPageToken"]
        pages.append(client.ask("POST", f"{DETAILS}/query", body, nextPageToken=token)[1])
    assert all(page["conversations"] == pages[0]["conversations"] for page in pages)
    assert len({page["nextPageToken"] for page in pages}) == 9
    path = f"{DETAILS}/jobs/{client.submitted()}/results"
    client.box.faults.put("jobs.results", *["first-page"] * 9)
    rows = [client.ask("GET", path, pageSize=100)[1]]
    for _ in range(8):
        rows.append(client.ask("GET", path, pageSize=100, cursor=rows[-1]["cursor"])[1])
    assert all(page["conversations"] == rows[0]["conversations"] for page in rows)
    assert len({page["cursor"] for page in rows}) == 9


def test_settings_that_are_none() -> None:
    """Nonsense is refused when the organisation is made."""
    with pytest.raises(ValueError, match="per_day"):
        Settings(per_day=-1)
