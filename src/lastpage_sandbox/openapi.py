"""The emulated API as an OpenAPI 3.1 description, drawn from the routes and the models, so that it
cannot fall behind them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from lastpage_sandbox.models import Model, models
from lastpage_sandbox.routes import ROUTES, Route

Json = dict[str, Any]
#: Endpoint to the model of its body, its success statuses, and the model of its answer.
BODIES = {
    "details.query": "ConversationQuery",
    "jobs.submit": "AsyncConversationQuery",
    "aggregates.query": "ConversationAggregationQuery",
}
ANSWERS: dict[str, tuple[tuple[int, ...], str | None]] = {
    "token": ((200,), "Token"),
    "token.read": ((200,), "TokenInfo"),
    "token.revoke": ((200,), None),
    "organization": ((200,), "Organization"),
    "retention": ((200,), "AnalyticsDataRetentionResponse"),
    "details.query": ((200,), "AnalyticsConversationQueryResponse"),
    "jobs.availability": ((200,), "DataAvailabilityResponse"),
    "jobs.submit": ((202,), "AsyncQueryResponse"),
    "jobs.status": ((200, 202), "AsyncQueryStatus"),
    "jobs.delete": ((204,), None),
    "jobs.results": ((200,), "AnalyticsConversationAsyncQueryResponse"),
    "details.ids": ((200,), "Conversations"),
    "details.one": ((200,), "AnalyticsConversationWithoutAttributes"),
    "aggregates.query": ((200,), "ConversationAggregateQueryResponse"),
    "queues": ((200,), "QueueEntityListing"),
    "users": ((200,), "UserEntityListing"),
    "wrapupcodes": ((200,), "WrapupCodeEntityListing"),
    "divisions": ((200,), "DivisionEntityListing"),
}
PAGED = {"pageSize": ("integer", False), "pageNumber": ("integer", False)}
QUERIES = {
    "jobs.results": {"cursor": ("string", False), "pageSize": ("integer", False)},
    "details.ids": {"id": ("string", True)},
    **dict.fromkeys(("queues", "wrapupcodes", "divisions"), PAGED),
    "users": PAGED | {"state": ("string", False)},
}
#: Every endpoint but the token's may answer these, with an ErrorBody (docs/api.md, 1.8).
ERRORS = (400, 401, 403, 404, 408, 409, 413, 415, 429, 500, 503, 504)
TYPES: dict[str, Json] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "strings": {"type": "object", "additionalProperties": {"type": "string"}},
    "booleans": {"type": "object", "additionalProperties": {"type": "boolean"}},
}
FORM = {
    "type": "object",
    "properties": {"grant_type": {"type": "string", "enum": ["client_credentials"]}},
    "required": ["grant_type"],
}


@cache
def description() -> Json:
    """The whole document."""
    paths: Json = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    schemes = {
        "token": {"type": "http", "scheme": "bearer"},
        "client": {"type": "http", "scheme": "basic"},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The conversation-details API, as the sandbox emulates it",
            "version": "2",
            "description": "Not the vendor's description: this emulator's, of the endpoints "
            "that it has.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": schemes},
    }


def _operation(route: Route) -> Json:
    statuses, model = ANSWERS[route.endpoint]
    success = {"description": "done", **({"content": _json(model)} if model else {})}
    operation: Json = {
        "operationId": route.endpoint,
        "parameters": _parameters(route),
        "responses": {str(status): success for status in statuses} | _errors(route),
    }
    if route.needed:
        operation["description"] = f"Needs one of the permissions {', '.join(route.needed)}."
    if route.endpoint == "token":
        operation["security"] = [{"client": []}]
        operation["requestBody"] = {
            "content": {"application/x-www-form-urlencoded": {"schema": FORM}}
        }
    elif route.endpoint in BODIES:
        operation["requestBody"] = {"required": True, "content": _json(BODIES[route.endpoint])}
    return operation


def _parameters(route: Route) -> list[Json]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": TYPES["string"]}
        for name in re.findall(r"\{(\w+)\}", route.path)
    ]
    in_query = [
        {"name": name, "in": "query", "required": required, "schema": TYPES[kind]}
        for name, (kind, required) in QUERIES.get(route.endpoint, {}).items()
    ]
    return in_path + in_query


def _errors(route: Route) -> Json:
    if route.endpoint == "token":
        return {"400": {"description": "no such client", "content": _json("TokenError")}}
    return {
        str(status): {"description": "refused", "content": _json("ErrorBody")} for status in ERRORS
    }


def _schemas() -> Json:
    known = dict(models())
    for name in ("AnalyticsConversation", "AnalyticsParticipant"):
        known[f"{name}WithoutAttributes"] = _without_attributes(known[name])
    conversations = {"conversations": "AnalyticsConversationWithoutAttributes[]"}
    known["Conversations"] = Model("Conversations", conversations, frozenset(conversations), {})
    return {name: _schema(model) for name, model in known.items()}


def _without_attributes(model: Model) -> Model:
    """What everything but a job shows (1.9)."""
    fields = {
        name: kind.replace("Participant", "ParticipantWithoutAttributes")
        for name, kind in model.fields.items()
        if name != "attributes"
    }
    return Model(f"{model.name}WithoutAttributes", fields, model.required, model.enums)


def _schema(model: Model) -> Json:
    properties = {name: _type(kind) for name, kind in model.fields.items()}
    for name, named in model.enums.items():
        properties[name] = {**properties[name], "enum": list(named)}
    return {"type": "object", "properties": properties, "required": sorted(model.required)}


def _type(kind: str) -> Json:
    if kind.endswith("[]"):
        return {"type": "array", "items": _type(kind[:-2])}
    return TYPES.get(kind, {"$ref": f"#/components/schemas/{kind}"})


def _json(model: str) -> Json:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}}
