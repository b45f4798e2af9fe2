"""The description of the API, and thousands of requests drawn from it: answers are as described, and never a 5xx.

`LASTPAGE_FUZZ=50000` draws as many; with schemathesis installed, that tool then has a go of its own, too.
"""

import json
import os
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.bare import DAY, Client
from werkzeug.test import Client as Wsgi

from lastpage_sandbox.control import ROUTES as PLANE_ROUTES
from lastpage_sandbox.openapi import ANSWERS, description
from lastpage_sandbox.routes import ROUTES

Json = dict[str, Any]
REQUESTS = int(os.environ.get("LASTPAGE_FUZZ", "3000"))
IN_A_ROW = 30
#: Jobs and aggregates are where there is most to go wrong.
WEIGHED = [
    route
    for route in ROUTES
    for _ in range(3 if route.endpoint.split(".")[0] in ("jobs", "details", "aggregates") else 1)
]
KINDS = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
#: What a careless or hostile client may send anywhere.
JUNK = (
    None, True, False, -1, 0, 1, 2**63, 10**30, 0.5, -1e308, "", " ", "x", "\x00", "💥", "ſ", "²", "../..", "null", "x" * 3000,
    [], {}, [[]], [None], {"type": "and"}, {"": []}, "9" * 400, "2023-10-10", "\ud7ff",
)  # fmt: skip
STRINGS = {
    "interval": (
        DAY, "2023-10-10T09:00Z/2023-10-10T10:00Z", "2023-10-01/2023-10-09", "2023-10-10T00:00+02:00/P1D", "/", "a/b",
        "0001-01-01T00:00:00Z/9999-12-31T23:59:59Z", "2023-10-20T15:00Z/2024-10-20T16:00Z", "2023-10-11/2023-10-10",
        "1969-12-31/1970-01-02", "2023-W41-1/2023-W41-2", "2023-10-10T24:00Z/2023-10-11", "2023-10-10T00:00+25:00/2023-10-11",
    ),
    "granularity": ("PT1H", "P1D", "P1M", "P1W", "PT0M", "P999M", "PT1S", "P", "PT9999H", "P9999W"),
    "timeZone": ("UTC", "Europe/Berlin", "Asia/Kathmandu", "Mars/Olympus", "../UTC", "Europe", "\x00"),
    "cursor": ("abc", "====", "W10=", "WyJ4Iiwx", "é"),
    "value": ("voice", "inbound", "agent", "0"),
    "metrics": ("nOffered", "tTalk", "oServiceLevel", "nConversations", "tWait"),
    "groupBy": ("mediaType", "queueId", "userId", "divisionId"),
}  # fmt: skip


def resolved(schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = description()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def problems(value: Any, schema: Json, at: str = "$") -> Iterator[str]:
    """Where a value is not as described; a field that is not described is a problem, too."""
    schema = resolved(schema)
    if not isinstance(value, KINDS[schema["type"]]) or (
        isinstance(value, bool) and schema["type"] != "boolean"
    ):
        yield f"{at} is {value!r}, no {schema['type']}"
    elif value not in schema.get("enum", [value]):
        yield f"{at} is {value!r}, not of its enumeration"
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from problems(each, schema["items"], f"{at}[{number}]")
    elif isinstance(value, dict):
        yield from (
            f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value
        )
        for name, each in value.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            yield from (
                problems(each, inner, f"{at}.{name}")
                if inner
                else (f"{at}.{name} is not described",)
            )


def answer_schema(path: str, method: str, status: int) -> Json | None:
    content = description()["paths"][path][method.lower()]["responses"][str(status)].get("content")
    return content["application/json"]["schema"] if content else None


def test_everything_is_described() -> None:
    """Every route has an operation, every operation an answer, every reference a schema."""
    operations = {
        (path, method) for path, item in description()["paths"].items() for method in item
    }
    assert operations == {(route.path, route.method.lower()) for route in ROUTES}
    assert set(ANSWERS) == {route.endpoint for route in ROUTES}
    text = json.dumps(description())
    names = {part.partition('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert names <= set(description()["components"]["schemas"])
    served = json.loads(Client().box.request("GET", "/_sandbox/openapi.json")[2])
    assert served == description()


def test_answers_are_as_described() -> None:
    """1.3-1.9: no field that is not described, none missing that is always there, every member of an enumeration known."""
    client = Client(per_day=500, retention_days=400, late_wrap_up_share=0.3, reopened_share=0.2)
    client.wait(30 * 86_400)
    job = client.submitted()
    some = client.query()[1]["conversations"][0]["conversationId"]
    question = {
        "interval": DAY,
        "metrics": ["tTalk", "oServiceLevel"],
        "groupBy": ["mediaType"],
        "granularity": "PT6H",
    }
    terms = [
        {"type": "termFrequency", "dimension": "mediaType"},
        {"type": "termFrequency", "dimension": "userId"},
    ]
    bodies = {
        "details.query": {
            "interval": DAY,
            "paging": {"pageSize": 100, "pageNumber": 1},
            "aggregations": terms,
        },
        "jobs.submit": {"interval": DAY},
        "aggregates.query": question,
    }
    queries = {"details.ids": {"id": some}, "jobs.results": {"pageSize": 1000}}
    for route in ROUTES:
        if route.endpoint in ("token", "token.revoke", "jobs.delete"):
            continue
        path = route.path.replace("{jobId}", job).replace("{conversationId}", some)
        body, query = bodies.get(route.endpoint), queries.get(route.endpoint, {})
        status, answer, _ = client.ask(route.method, path, body, **query)
        assert status in ANSWERS[route.endpoint][0], route
        schema = answer_schema(route.path, route.method, status)
        assert schema
        assert list(problems(answer, schema)) == [], route


def test_a_problem_is_found() -> None:
    """The check can fail: wrong types, unknown fields, unknown members, missing fields."""
    schema = {"$ref": "#/components/schemas/AsyncQueryStatus"}
    assert list(problems({"state": "FULFILLED"}, schema)) == []
    for wrong in ({"state": "RUNNING"}, {}, {"state": "QUEUED", "eta": 1}, {"state": 1}, []):
        assert len(list(problems(wrong, schema))) == 1


class Fuzz:
    """Requests drawn from the description: some right, most of them nearly."""

    def __init__(self, drawn: random.Random) -> None:
        self.drawn = drawn
        self.careless = 0.0
        self.client = Client(per_day=2, retention_days=90, job_polls=0)
        self.wsgi = Wsgi(self.client.box.app)
        self.known: dict[str, list[str]] = {"jobId": ["x"], "conversationId": ["x"], "cursor": [""]}
        self.known["conversationId"] += [
            row["conversationId"] for row in self.client.query()[1].get("conversations", [])
        ]

    def slips(self) -> bool:
        return self.drawn.random() < self.careless

    def value(self, schema: Json, name: str = "", depth: int = 0) -> Any:
        schema = resolved(schema)
        if self.slips():
            return self.drawn.choice(JUNK)
        if "enum" in schema:
            return self.drawn.choice(schema["enum"])
        match schema["type"]:
            case "object":
                return self.object(schema, depth)
            case "array":
                return [
                    self.value(schema["items"], name, depth + 1)
                    for _ in range(self.drawn.randrange(1, 3))
                ]
            case "integer" | "number":
                return (
                    self.drawn.choice((1, 2, 25, 100, 101, 10_000, 10**9, 0, -1))
                    if self.careless
                    else self.drawn.choice((1, 2, 25))
                )
            case "boolean":
                return self.drawn.random() < 0.5
            case _:
                known = STRINGS.get(name, ("x",))
                return self.drawn.choice(known if self.careless else known[:3])

    def object(self, schema: Json, depth: int) -> Json:
        """All that must be there, and some of the rest; a predicate is about one thing."""
        fields = dict(schema.get("properties", {}))
        if "operator" in fields and not self.slips():
            about = self.drawn.choice([name for name in ("dimension", "metric") if name in fields])
            fields = {
                "operator": fields["operator"],
                "value": fields["value"],
                about: fields[about],
            }
            return {name: self.value(kind, name, depth + 1) for name, kind in fields.items()}
        required = schema.get("required", ())
        return {
            name: self.value(kind, name, depth + 1)
            for name, kind in fields.items()
            if (name in required and not self.slips()) or self.drawn.random() < 0.4 - depth / 10
        }

    def text(self, name: str, schema: Json) -> str:
        if name in self.known and not self.slips():
            return self.drawn.choice(self.known[name][-2:])
        return str(self.value(schema, name))

    def request(self) -> None:
        """One request to the API, and what can be said of its answer."""
        self.careless = self.drawn.choice((0.0, 0.02, 0.1))
        route = self.drawn.choice(WEIGHED)
        operation = description()["paths"][route.path][route.method.lower()]
        path, query = route.path, {}
        for parameter in operation["parameters"]:
            text = self.text(parameter["name"], parameter["schema"]) if not self.slips() else ""
            if parameter["in"] == "path":
                path = path.replace(f"{{{parameter['name']}}}", quote(text, safe="") or "-")
            elif parameter["required"] or self.drawn.random() < 0.6:
                query[parameter["name"]] = text
        response = self.send(
            route.method, path, query, operation.get("requestBody", {}).get("content", {})
        )
        assert response.status_code < 500, (route, query)
        if response.data and str(response.status_code) in operation["responses"]:
            schema = answer_schema(route.path, route.method, response.status_code)
            assert schema
            assert list(problems(response.json, schema)) == []
        self.remember(response)

    def send(self, method: str, path: str, query: Json, content: Json) -> Any:
        headers = {"Authorization": f"Bearer {self.client.token}"}
        if path == "/oauth/token":
            headers["Authorization"] = "Basic eDp5"
        if self.slips():
            headers["Authorization"] = self.drawn.choice(
                ("", "Bearer", "Bearer x", "Basic 💥".encode().decode("latin-1"))
            )
        body = b""
        for kind, each in content.items():
            headers["Content-Type"] = kind if not self.slips() else "text/plain"
            body = json.dumps(self.value(each["schema"])).encode()
        if self.slips():
            body = self.drawn.choice((b"", b"{", b"[]", b"\xff", b"[" * 5000, b"1" * 600_000))
        return self.wsgi.open(path, method=method, query_string=query, headers=headers, data=body)

    def remember(self, response: Any) -> None:
        """What an answer names is asked for next; a token that was revoked is replaced."""
        answer = response.json if response.data else {}
        for name in ("jobId", "cursor"):
            if name in answer:
                self.known[name].append(answer[name])
        if response.status_code == 401:
            self.client.token = self.client.log_in()[1]["access_token"]

    def control(self) -> None:
        """One request to the control plane: served, or refused with a sentence."""
        method, path, _, _ = self.drawn.choice(PLANE_ROUTES)
        path = path.replace("{endpoint}", self.drawn.choice(("details.query", "*", "x"))).replace(
            "{id}", "x"
        )
        keys = (
            "words",
            "set",
            "advance_s",
            "rate",
            "start",
            "end",
            "media",
            "agent",
            "id",
            "queue",
        )
        body = {
            key: self.drawn.choice((*JUNK, DAY[:24], ["return-503"], 60))
            for key in keys
            if self.drawn.random() < 0.2
        }
        query = {
            "interval": self.value({"type": "string"}, "interval"),
            "last": self.drawn.choice(JUNK),
            "show": "days",
        }
        response = self.wsgi.open(f"/_sandbox{path}", method=method, query_string=query, json=body)
        assert response.status_code in (200, 204, 400), (method, path, query, body)
        if response.status_code == 400:
            assert list(response.json) == ["error"]
        self.client.box.faults.clear()


@settings(max_examples=max(REQUESTS // IN_A_ROW, 1))
@given(seed=st.integers(0, 2**32))
def test_whatever_is_asked(seed: int) -> None:
    """7(c): no request drawn from the description leads to a 5xx, or to an answer that is not as described."""
    fuzz = Fuzz(random.Random(seed))
    for _ in range(IN_A_ROW):
        fuzz.control() if fuzz.drawn.random() < 0.1 else fuzz.request()


@pytest.mark.skipif(
    "LASTPAGE_FUZZ" not in os.environ, reason="takes minutes; set LASTPAGE_FUZZ to run it"
)
@pytest.mark.parametrize("label", [f"{route.method} {route.path}" for route in ROUTES])
def test_schemathesis_agrees(label: str) -> None:
    """7(c): a tool that never saw this code reads the description and finds no 5xx either."""
    schemathesis = pytest.importorskip("schemathesis")
    operation = next(
        each.ok()
        for each in schemathesis.openapi.from_dict(description()).get_all_operations()
        if each.ok().label == label
    )
    client = Client(per_day=2, retention_days=90)

    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {client.token}"}
        response = case.call(base_url="http://127.0.0.1", app=client.box.app)
        assert response.status_code < 500
        if response.status_code == 401:
            client.token = client.log_in()[1]["access_token"]

    ask()
