"""Page-numbered lists of queues, users, wrap-up codes and divisions, with the names and ids that
the records have.

The shape (`entities`, `pageSize`, `pageNumber`, `total`, `pageCount`, and links) is that of every
listing of the Platform API in the official SDK's models; docs/api.md says nothing of these
endpoints but their permissions (7).
"""

from __future__ import annotations

from typing import Any

from lastpage_sandbox.organization import FOUNDED
from lastpage_sandbox.record.names import name_id
from lastpage_sandbox.replies import Asked, Reply, invalid_value
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.skeleton import AGENTS, DIVISIONS, QUEUES

Json = dict[str, Any]
PAGE_SIZE_DEFAULT = 25
PATHS = {
    "queues": "/api/v2/routing/queues",
    "users": "/api/v2/users",
    "wrapupcodes": "/api/v2/routing/wrapupcodes",
    "divisions": "/api/v2/authorization/divisions",
}
STATES = ("active", "inactive", "deleted", "any")
WRAP_UPS = (
    "Solved",
    "Call back later",
    "Wrong number",
    "Complaint",
    "Order placed",
    "Cancelled",
    "Other",
)
FIRST_NAMES = (
    "Ada",
    "Ben",
    "Chiara",
    "Deniz",
    "Eva",
    "Femi",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kim",
    "Lena",
)
LAST_NAMES = ("Abel", "Brandt", "Costa", "Dietz", "Ekici")


class Lists:
    """The lists of one organisation."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._home = self._entity("division", DIVISIONS[0], "divisions", DIVISIONS[0])
        self._entities = {
            "queues": [self._owned("queue", name, "queues", name) for name in QUEUES],
            "users": [self._user(agent) for agent in range(AGENTS)],
            "wrapupcodes": [
                self._owned("wrap-up", code, "wrapupcodes", name)
                for code, name in enumerate(WRAP_UPS)
            ],
            "divisions": [self._division(name) for name in DIVISIONS],
        }

    def page(self, kind: str, asked: Asked) -> Reply:
        """One page; past the end there are no entities."""
        size = self._number(asked, "pageSize", PAGE_SIZE_DEFAULT)
        number = self._number(asked, "pageNumber", 1)
        if size > self._settings.list_page_max:
            raise invalid_value(size, "Integer", (f"1 to {self._settings.list_page_max}",))
        entities = self._entities[kind] if kind != "users" else self._users(asked)
        last = max(-(-len(entities) // size), 1)
        body = {
            "entities": entities[(number - 1) * size : number * size],
            "pageSize": size,
            "pageNumber": number,
            "total": len(entities),
            "firstUri": _link(kind, size, 1),
            "selfUri": _link(kind, size, number),
            "lastUri": _link(kind, size, last),
            "pageCount": last,
        }
        if number < last:
            body["nextUri"] = _link(kind, size, number + 1)
        if number > 1:
            body["previousUri"] = _link(kind, size, number - 1)
        return Reply(200, body)

    def _users(self, asked: Asked) -> list[Json]:
        """Those of the state that is asked for; active ones unless it says otherwise."""
        state = asked.query.get("state", "") or "active"
        if state not in STATES:
            raise invalid_value(state, "String", STATES)
        return [user for user in self._entities["users"] if state in ("any", user["state"])]

    def _number(self, asked: Asked, name: str, otherwise: int) -> int:
        text = asked.query.get(name, "")
        if not text:
            return otherwise
        if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0):
            raise invalid_value(text, "Integer")
        return int(text)

    def _entity(self, kind: str, key: object, place: str, name: str) -> Json:
        identity = name_id(self._settings.seed, kind, key)
        return {"id": identity, "name": name, "selfUri": f"{PATHS[place]}/{identity}"}

    def _owned(self, kind: str, key: object, place: str, name: str) -> Json:
        return {
            **self._entity(kind, key, place, name),
            "division": self._home,
            "dateCreated": FOUNDED,
        }

    def _user(self, agent: int) -> Json:
        first = FIRST_NAMES[agent % len(FIRST_NAMES)]
        last = LAST_NAMES[agent // len(FIRST_NAMES) % len(LAST_NAMES)]
        entity = self._entity("user", agent, "users", f"{first} {last}")
        email = f"{first}.{last}@example.com".lower()
        state = "inactive" if agent < round(AGENTS * self._settings.users_left) else "active"
        return {
            **entity,
            "division": self._home,
            "email": email,
            "username": email,
            "state": state,
            "version": 1,
        }

    def _division(self, name: str) -> Json:
        entity = self._entity("division", name, "divisions", name)
        return {**entity, "description": f"Division {name}", "homeDivision": name == DIVISIONS[0]}


def _link(kind: str, size: int, number: int) -> str:
    return f"{PATHS[kind]}?pageSize={size}&pageNumber={number}"
