"""Lists of names, and who is asking: the page-numbered GETs, the organisation, the token, divisions and permissions."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.bare import DAY, DETAILS, Client

from lastpage_sandbox import Settings

PATHS = {
    "queues": ("/api/v2/routing/queues", "routing:queue:view"),
    "users": ("/api/v2/users", "directory:user:view"),
    "wrapupcodes": ("/api/v2/routing/wrapupcodes", "routing:wrapupCode:view"),
    "divisions": ("/api/v2/authorization/divisions", None),
}


def everything(client: Client, kind: str, size: int = 25) -> dict[str, str]:
    """Names by id, page by page to the end."""
    found, number, last = {}, 1, 1
    while number <= last:
        page = client.ask("GET", PATHS[kind][0], pageSize=size, pageNumber=number)[1]
        found |= {entity["id"]: entity["name"] for entity in page["entities"]}
        number, last = number + 1, page["pageCount"]
    return found


def named(record: Any, key: str) -> Iterator[str]:
    """Every value of a key, at any depth."""
    if isinstance(record, dict):
        for name, value in record.items():
            yield from [value] if name == key and isinstance(value, str) else named(value, key)
    elif isinstance(record, list):
        for each in record:
            yield from named(each, key)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("queueId", "queues"),
        ("userId", "users"),
        ("wrapUpCode", "wrapupcodes"),
        ("evaluatorId", "users"),
    ],
)
def test_records_name_what_the_lists_have(key: str, kind: str) -> None:
    """7: an id in a record leads to a name; wrap-up constants (5.7) are their own."""
    client = Client(evaluated_share=0.3, late_wrap_up_share=0.2)
    client.wait(20 * 86_400)
    found = {
        each
        for record in client.job()
        for each in named(record, key)
        if not each.startswith("ININ-")
    }
    assert found
    assert found <= set(everything(client, kind))


def test_divisions_have_names() -> None:
    """7: the divisions of the records are those of the list, one of them the home division."""
    client = Client(per_day=500)
    found = {division for record in client.job() for division in record["divisionIds"]}
    assert found == set(everything(client, "divisions"))
    entities = client.ask("GET", PATHS["divisions"][0])[1]["entities"]
    assert [entity["name"] for entity in entities if entity["homeDivision"]] == ["Home"]


def test_a_transfer_names_the_queue() -> None:
    """The name of a queue in a record is that of the list."""
    client = Client(per_day=300)
    queues = everything(client, "queues")
    flows = [
        session["flow"]
        for record in client.job()
        for part in record["participants"]
        for session in part["sessions"]
        if "transferTargetName" in session.get("flow", {})
    ]
    assert flows
    assert {
        queues[flow["transferTargetAddress"]] == flow["transferTargetName"] for flow in flows
    } == {True}


@pytest.mark.parametrize("kind", list(PATHS))
@pytest.mark.parametrize("size", [1, 7, 100])
def test_pages_of_a_list(kind: str, size: int) -> None:
    """Any page size leads to the same whole; past the end there are no entities; links lead on and back."""
    client = Client()
    whole = everything(client, kind, size)
    first = client.ask("GET", PATHS[kind][0], pageSize=size)[1]
    assert len(whole) == first["total"]
    assert len(set(whole.values())) == len(whole)
    assert first["pageCount"] == -(-first["total"] // size)
    assert ("nextUri" in first) == (first["pageCount"] > 1)
    assert "previousUri" not in first
    past = client.ask("GET", PATHS[kind][0], pageSize=size, pageNumber=first["pageCount"] + 1)[1]
    assert past["entities"] == []
    assert "nextUri" not in past


@pytest.mark.parametrize(
    "query",
    [
        {"pageSize": 101},
        {"pageSize": 0},
        {"pageSize": "many"},
        {"pageNumber": 0},
        {"pageNumber": "²"},
        {"pageNumber": -1},
    ],
)
def test_bad_pages(query: dict[str, Any]) -> None:
    """1.8: a page that is none is a 400."""
    status, body, _ = Client().ask("GET", PATHS["users"][0], **query)
    assert (status, body["code"]) == (400, "invalid.value")


@pytest.mark.parametrize(("path", "permission"), [each for each in PATHS.values() if each[1]])
def test_each_list_has_its_permission(path: str, permission: str) -> None:
    """7: without it a 403 that names it; the others are not touched."""
    client = Client(permissions=Settings().permissions - {permission})
    status, body, _ = client.ask("GET", path)
    assert status == 403
    assert body["messageParams"] == {"permissions": f"[{permission}]"}
    assert {client.ask("GET", other)[0] for other, _ in PATHS.values() if other != path} == {200}


def test_users_who_left() -> None:
    """1.7: the list has active users unless `state` says otherwise; a state that is none is a 400."""
    client = Client(users_left=0.25)
    path = PATHS["users"][0]
    totals = {
        state: client.ask("GET", path, state=state)[1]["total"]
        for state in ("active", "inactive", "deleted", "any")
    }
    assert totals == {"active": 45, "inactive": 15, "deleted": 0, "any": 60}
    assert client.ask("GET", path)[1]["total"] == 45
    assert client.ask("GET", path, state="gone")[0] == 400


def test_the_organisation() -> None:
    """1.7: who one is talking to."""
    client = Client()
    organization = client.ask("GET", "/api/v2/organizations/me")[1]
    assert {
        "id",
        "name",
        "defaultLanguage",
        "domain",
        "version",
        "state",
        "features",
        "selfUri",
    } <= set(organization)
    token = client.ask("GET", "/api/v2/tokens/me")[1]
    assert token["organization"] == {key: organization[key] for key in ("id", "name")}
    assert token["OAuthClient"]["id"] == client.box.settings.client_id
    assert token["OAuthClient"]["authorizedGrantType"] == "CLIENT-CREDENTIALS"
    assert token["dateTokenIdles"] == "2023-10-21T15:29:59.000Z"


def test_revocation() -> None:
    """1.1: a token that is given back is good for nothing; another one still is."""
    client = Client()
    other = client.log_in()[1]["access_token"]
    assert client.ask("DELETE", "/api/v2/tokens/me")[0] == 200
    status, body, _ = client.ask("GET", "/api/v2/organizations/me")
    assert (status, body["code"]) == (401, "bad.credentials")
    client.token = other
    assert client.ask("GET", "/api/v2/organizations/me")[0] == 200


@pytest.mark.parametrize("code", ["credentials.expired", "bad.credentials"])
def test_what_an_expired_token_is_called(code: Any) -> None:
    """8: which of the two codes is a switch."""
    client = Client(expired_code=code)
    client.clock.sleep(86_400)
    assert client.ask("GET", "/api/v2/organizations/me")[1]["code"] == code


def test_the_retention_setting() -> None:
    """1.7: days and dates; without the permission it is a 404."""
    assert (
        Client(retention_days=400).ask("GET", "/api/v2/analytics/dataretention/settings")[1][
            "retentionDays"
        ]
        == 400
    )
    assert Client().ask("GET", "/api/v2/analytics/dataretention/settings")[0] == 404


def test_rows_of_other_divisions() -> None:
    """7: they are left out silently, of every answer, and of the truth as this client can see it."""
    whole, part = Client(), Client(divisions=frozenset({"North"}))
    (north,) = [name for name, text in everything(part, "divisions").items() if text == "North"]
    wanted = {row["conversationId"] for row in whole.job() if row["divisionIds"][0] == north}
    others = {row["conversationId"] for row in whole.job()} - wanted
    assert wanted
    assert {row["conversationId"] for row in part.job()} == wanted
    assert {record["divisionIds"][0] for record in part.job()} == {north}
    assert part.query()[1]["totalHits"] < whole.query()[1]["totalHits"]
    hidden = next(iter(others))
    assert part.ask("GET", f"/api/v2/analytics/conversations/{hidden}/details")[0] == 404
    question = {"interval": DAY, "metrics": ["nConversations"], "groupBy": ["divisionId"]}
    groups = part.ask("POST", "/api/v2/analytics/conversations/aggregates/query", question)[1][
        "results"
    ]
    assert [group["group"]["divisionId"] for group in groups] == [north]


def test_a_role_without_a_division() -> None:
    """7: nothing to be seen, or a 403, by a switch."""
    assert Client(divisions=frozenset()).query() == (200, {"totalHits": 0})
    status, body = Client(divisions=frozenset(), no_division="403").query()
    assert (status, body["code"]) == (403, "missing.division.permission")


def test_ids() -> None:
    """1.5, 11 row 19: an id asked for twice comes once; how many may be asked for is a switch."""
    client = Client(ids_max=2)
    one, two, three, *_ = [row["conversationId"] for row in client.query()[1]["conversations"]]
    assert len(client.ask("GET", DETAILS, id=f"{one},{one}")[1]["conversations"]) == 1
    assert client.ask("GET", DETAILS, id=f"{one},{two},{three}")[0] == 400
    assert client.ask("GET", DETAILS)[0] == 400
