"""What an emulated organisation is like: its size, its limits, and a switch for every fact nobody
is sure of.

Section numbers are those of docs/api.md; row numbers are of its section 11.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from functools import cache
from math import isfinite
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Number = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Digits = Annotated[int, msgspec.Meta(ge=3, le=9)]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^((/[\w.~-]+)+)?$")]

PERMISSIONS = frozenset(
    {
        "analytics:conversationDetail:view", "analytics:conversationAggregate:view", "analytics:dataRetention:view",
        "routing:queue:view", "routing:wrapupCode:view", "directory:user:view",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set; the defaults are what is most likely true of the real thing."""

    #: Which organisation: ids, secrets, conversations all follow from it.
    seed: int = 1
    #: Mean conversations a day, before the working week's curve.
    per_day: Amount = 2000.0
    #: Seconds that the lake of the jobs is behind (2: hours, officially up to 24, or 48: row 14).
    watermark_lag_s: Amount = 6 * 3600.0
    #: What `…/jobs/availability` answers.
    availability: Literal["ok", "403", "404"] = "ok"
    #: Whether a job beyond the watermark misses rows silently (3.3), or has everything.
    partial_beyond_watermark: bool = True

    #: Requests a minute and client before 429 (2), and whether the headers tell (row 15). No limit
    #: by the second or of the whole organisation is known, so there is none (row 16).
    requests_per_minute: Positive = 300
    rate_headers: bool = True
    #: Seconds of the window in which they are counted; each begins with the first request after the
    #: last one's end (8).
    rate_window_s: Positive = 60
    #: Seconds that a token lives (1.1).
    token_lifetime_s: Positive = 86_399

    #: What a page size above 100 leads to (row 1).
    page_size_over_100: Literal["reject", "clamp", "accept"] = "reject"
    #: `pageNumber x pageSize` beyond this is refused (2, row 3); 10,000 was once announced (row 4).
    pagination_cap: Positive = 100_000
    #: The code of the refusals by interval and pagination, of which only the texts are known (row
    #: 2).
    limit_code: Literal["bad.request", "general.bad.request"] = "bad.request"
    #: Days back from now that a synchronous interval may begin; None: any; 35 was once announced
    #: (row 4).
    sync_age_days_max: Positive | None = None
    #: Rows, and bytes of JSON, above which a page of conversations is too large, on either way of
    #: reading; None: no limit is known (row 26).
    page_rows_max: Number | None = None
    page_bytes_max: Number | None = None
    #: What a page that is too large is answered with: an error, or 270 MB of JSON.
    page_too_large: Literal["504", "413", "400", "huge"] = "504"
    #: What keys that nobody knows lead to in a query's body (row 17).
    unknown_fields: Literal["ignore", "reject"] = "ignore"
    #: Days an interval may have without and with a filter (2); 32 has been seen (row 13).
    interval_days_unfiltered: Positive = 7
    interval_days_filtered: Positive = 31
    #: What an interval shorter than a day selects (row 5).
    sync_interval: Literal["day+overlap", "exact-start", "whole-day"] = "day+overlap"
    #: Whether segment filters see segments outside the interval (row 21).
    segment_scope: Literal["conversation", "interval"] = "conversation"
    #: How much `totalHits` overstates, as a share (row 24), and by how much at most it moves from
    #: answer to answer (3.2).
    total_hits_over: Amount = 0.0
    total_hits_moves: Number = 0
    #: How `totalHits` is spelt: 3000, 3000.0 or "3000" (row 25).
    total_hits_as: Literal["integer", "decimal", "text"] = "integer"
    #: How no conversations are spelt (row 18).
    empty_answer: Literal["absent", "empty-list"] = "absent"
    #: Whether the synchronous query sends a continuation token; if so, page numbers mean nothing to
    #: it (row 22).
    dialect: Literal["none", "next-page-token"] = "none"

    #: Polls until a job is done, and seconds; both have to have passed.
    job_polls: Number = 2
    job_seconds: Amount = 0.0
    #: Rows a result page has by default and at most (2, row 7).
    job_page_default: Positive = 1000
    job_page_max: Positive = 10_000
    #: Days a job's interval may have (row 6): 31 work; this only keeps a slip from drawing
    #: centuries.
    job_interval_days_max: Positive = 366
    #: Seconds until results expire, and until a cursor does; None: with its job (row 8).
    job_lifetime_s: Amount = 24 * 3600.0
    cursor_lifetime_s: Amount | None = None
    #: Jobs that may be unfinished at once, and submitted in a minute; None: no limit is known (2,
    #: row 9).
    jobs_concurrent_max: Positive | None = None
    jobs_per_minute_max: Positive | None = None
    #: What an unfinished job is answered with (row 10).
    running_status: Literal[202, 200] = 202
    #: Rows that one job gives before its cursor is refused with 400; None: no limit (row 3).
    job_rows_max: Positive | None = None
    #: The share of a job's rows that its results have, at every reading: a job that lacks rows.
    job_share: Share = 1.0
    #: What results before FULFILLED answer, and those of an expired or cancelled job (row 11).
    results_before_done: Literal[404, 400] = 404
    results_after_expiry: Literal[404, 400] = 404
    #: What a deleted job becomes: nothing (404), or CANCELLED, whose second deletion is a conflict
    #: (row 11).
    after_delete: Literal["gone", "cancelled"] = "gone"
    #: How the last page says that it is the last (row 12).
    cursor_end: Literal["absent", "null"] = "absent"
    #: Rows of a job need not be in order (row 12).
    job_row_order: Literal["shuffled", "start"] = "shuffled"

    #: Whether bodies are compressed when asked for.
    gzip: bool = True
    #: Whether bodies come in chunks, as has been observed (1.2), or with their length.
    chunked: bool = True
    #: Path prefixes of the login and the API host, as a gateway adds them: `/login`,
    #: `/api-gateway`.
    login_prefix: Prefix = ""
    api_prefix: Prefix = ""
    #: What a token that has ended is called (8).
    expired_code: Literal["credentials.expired", "bad.credentials"] = "credentials.expired"
    #: Permissions of the OAuth client's role (7).
    permissions: frozenset[str] = PERMISSIONS
    #: Names of the divisions it is granted for; rows of others are left out silently (7). None:
    #: all.
    divisions: frozenset[str] | None = None
    #: What a role that is granted for no division gets (7).
    no_division: Literal["empty", "403"] = "empty"
    #: Ids that one request of details by id may ask for; None: no limit is known (row 19).
    ids_max: Positive | None = None
    #: Rows that a page of queues, users, wrap-up codes, divisions has at most.
    list_page_max: Positive = 100
    #: Share of the users who have left: inactive, and in the list only where `state` asks for them
    #: (1.7).
    users_left: Share = 0.0
    #: Seconds within which an answer is within the service level, and the share that should be.
    service_level_s: Amount = 20.0
    service_level_target: Share = 0.8
    #: Share of the callbacks in which the customer is called before an agent is found; how they
    #: are laid out is known from one client (5.7).
    customer_first_share: Share = 0.0
    #: Days of the organisation's retention setting, and what is older is gone; None answers 404.
    retention_days: Positive | None = None
    #: Share of conversations that become visible late, and how late at most, in seconds.
    late_share: Share = 0.0
    late_s: Amount = 1800.0
    #: Share of message threads that never end (3.4).
    orphans: Share = 0.01
    #: Shares of conversations that are evaluated, surveyed, resolved, and wrapped up once more
    #: after their end (3.4, row 20).
    evaluated_share: Share = 0.02
    surveyed_share: Share = 0.02
    resolved_share: Share = 0.05
    late_wrap_up_share: Share = 0.01
    #: Share that the nightly run rewrites once it is three days old: corrected metrics, another
    #: wrap-up segment (3.4).
    rewritten_share: Share = 0.02
    #: Share of ended message and email threads that open again, and of everything that is deleted
    #: for good (3.4).
    reopened_share: Share = 0.0
    deleted_share: Share = 0.0
    #: Share whose start moves back by up to two seconds when it is rewritten (row 23).
    moved_share: Share = 0.0
    #: Share of records with fields and members of enumerations that no document knows yet; the API
    #: may get such at any time (8).
    tomorrow_share: Share = 0.0
    #: Share of records with values of other types than the model's: metrics of 12.5, empty texts
    #: for times, attributes that are numbers, booleans and objects (8).
    odd_share: Share = 0.0
    #: Digits of a second in a record's times; those behind the third are nines, so that who rounds
    #: moves the last millisecond of a day into the next (5.1).
    fraction_digits: Digits = 3
    #: What texts for people hold (messages, codes, why a job failed, names): with `controls` also
    #: what a terminal would obey, and line breaks.
    texts: Literal["plain", "controls"] = "plain"
    #: How often answers go wrong by themselves: never, now and then, often.
    profile: Literal["calm", "rough", "hostile"] = "calm"

    client_id: str = field(init=False)
    client_secret: str = field(init=False)

    def __post_init__(self) -> None:
        for name, kind in kinds().items():
            check(name, getattr(self, name), kind)
        drawn = random.Random(f"credentials {self.seed}")
        object.__setattr__(self, "client_id", str(uuid.UUID(int=drawn.getrandbits(128), version=4)))
        object.__setattr__(self, "client_secret", "sandbox-" + f"{drawn.getrandbits(192):048x}")


@cache
def kinds() -> dict[str, Any]:
    """The type of each switch, with the limits of its values."""
    hints = get_type_hints(Settings, include_extras=True)
    return {name: kind for name, kind in hints.items() if not name.startswith("client_")}


def check(name: str, value: Any, kind: Any, *, text: bool = False) -> Any:
    """The value of a switch, from text if it is; a ValueError says what it should be."""
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{name} cannot be {value}: it is a finite number")
    try:
        return msgspec.convert(value, kind, strict=not text)
    except msgspec.ValidationError as problem:
        allowed = (
            f"; it is one of {', '.join(map(str, get_args(kind)))}"
            if get_origin(kind) is Literal
            else ""
        )
        raise ValueError(f"{name} cannot be {value!r}: {problem}{allowed}") from None
