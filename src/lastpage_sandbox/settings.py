"""What an emulated organisation is like: its size, its limits, and a switch for every fact nobody is sure of.

Section numbers are those of docs/api.md; row numbers are of its section 11.
"""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from typing import Literal

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
    per_day: float = 2000.0
    #: Seconds that the lake of the jobs is behind (2: hours, officially up to 24).
    watermark_lag_s: float = 6 * 3600.0
    #: What `…/jobs/availability` answers.
    availability: Literal["ok", "403", "404"] = "ok"
    #: Whether a job beyond the watermark misses rows silently (3.3), or has everything.
    partial_beyond_watermark: bool = True

    #: Requests a minute and client before 429 (2), and whether the headers tell (row 15).
    requests_per_minute: int = 300
    rate_headers: bool = True
    token_lifetime_s: int = 86_399

    #: What a page size above 100 leads to (row 1).
    page_size_over_100: Literal["reject", "clamp", "accept"] = "reject"
    #: `pageNumber x pageSize` beyond this is refused (2, row 3); 10,000 was once announced (row 4).
    pagination_cap: int = 100_000
    #: The code of the refusals by interval and pagination, of which only the texts are known (row 2).
    limit_code: Literal["bad.request", "general.bad.request"] = "bad.request"
    #: Days back from now that a synchronous interval may begin; None: any; 35 was once announced (row 4).
    sync_age_days_max: int | None = None
    #: What keys that nobody knows lead to in a query's body (row 17).
    unknown_fields: Literal["ignore", "reject"] = "ignore"
    #: Days an interval may have without and with a filter (2); 32 has been seen (row 13).
    interval_days_unfiltered: int = 7
    interval_days_filtered: int = 31
    #: What an interval shorter than a day selects (row 5).
    sync_interval: Literal["day+overlap", "exact-start", "whole-day"] = "day+overlap"
    #: Whether segment filters see segments outside the interval (row 21).
    segment_scope: Literal["conversation", "interval"] = "conversation"
    #: How much `totalHits` overstates, as a share (row 24), and by how much at most it moves from answer to answer (3.2).
    total_hits_over: float = 0.0
    total_hits_moves: int = 0
    #: How no conversations are spelt (row 18).
    empty_answer: Literal["absent", "empty-list"] = "absent"
    #: Whether the synchronous query sends a continuation token (row 22).
    dialect: Literal["none", "next-page-token"] = "none"

    #: Polls until a job is done, and seconds; both have to have passed.
    job_polls: int = 2
    job_seconds: float = 0.0
    #: Rows a result page has by default and at most (2).
    job_page_default: int = 1000
    job_page_max: int = 10_000
    #: Days a job's interval may have (row 6): 31 work; this only keeps a slip from drawing centuries.
    job_interval_days_max: int = 366
    #: Seconds until results expire, and until a cursor does; None: with its job (row 8).
    job_lifetime_s: float = 24 * 3600.0
    cursor_lifetime_s: float | None = None
    #: Jobs that may be unfinished at once, and submitted in a minute; None: no limit is known (2, row 9).
    jobs_concurrent_max: int | None = None
    jobs_per_minute_max: int | None = None
    #: What an unfinished job is answered with (row 10).
    running_status: Literal[202, 200] = 202
    #: Rows that one job gives before its cursor is refused with 400; None: no limit (row 3).
    job_rows_max: int | None = None
    #: What results before FULFILLED answer, and those of an expired or cancelled job (row 11).
    results_before_done: Literal[404, 400] = 404
    results_after_expiry: Literal[404, 400] = 404
    #: What a deleted job becomes: nothing (404), or CANCELLED, whose second deletion is a conflict (row 11).
    after_delete: Literal["gone", "cancelled"] = "gone"
    #: How the last page says that it is the last (row 12).
    cursor_end: Literal["absent", "null"] = "absent"
    #: Rows of a job need not be in order (row 12).
    job_row_order: Literal["shuffled", "start"] = "shuffled"

    #: Whether bodies are compressed when asked for.
    gzip: bool = True
    #: Whether bodies come in chunks, as has been observed (1.2), or with their length.
    chunked: bool = True
    #: Path prefixes of the login and the API host, as a gateway adds them: `/login`, `/api-gateway`.
    login_prefix: str = ""
    api_prefix: str = ""
    #: What a token that has ended is called (8).
    expired_code: Literal["credentials.expired", "bad.credentials"] = "credentials.expired"
    #: Permissions of the OAuth client's role (7).
    permissions: frozenset[str] = PERMISSIONS
    #: Names of the divisions it is granted for; rows of others are left out silently (7). None: all.
    divisions: frozenset[str] | None = None
    #: What a role that is granted for no division gets (7).
    no_division: Literal["empty", "403"] = "empty"
    #: Ids that one request of details by id may ask for; None: no limit is known (row 19).
    ids_max: int | None = None
    #: Rows that a page of queues, users, wrap-up codes, divisions has at most.
    list_page_max: int = 100
    #: Seconds within which an answer is within the service level, and the share that should be.
    service_level_s: float = 20.0
    service_level_target: float = 0.8
    #: Days of the organisation's retention setting; None answers 404.
    retention_days: int | None = None
    #: Share of conversations that become visible late, and how late at most, in seconds.
    late_share: float = 0.0
    late_s: float = 1800.0
    #: Share of message threads that never end (3.4).
    orphans: float = 0.01
    #: Shares of conversations that are evaluated, surveyed, resolved, and wrapped up once more after their end (3.4, row 20).
    evaluated_share: float = 0.02
    surveyed_share: float = 0.02
    resolved_share: float = 0.05
    late_wrap_up_share: float = 0.01
    #: Share that the nightly run rewrites once it is three days old: corrected metrics, another wrap-up segment (3.4).
    rewritten_share: float = 0.02
    #: Share of ended message and email threads that open again, and of everything that is deleted for good (3.4).
    reopened_share: float = 0.0
    deleted_share: float = 0.0
    #: Share whose start moves back by up to two seconds when it is rewritten (row 23).
    moved_share: float = 0.0
    #: How often answers go wrong by themselves: never, now and then, often.
    profile: Literal["calm", "rough", "hostile"] = "calm"

    client_id: str = field(init=False)
    client_secret: str = field(init=False)

    def __post_init__(self) -> None:
        if self.per_day < 0 or self.requests_per_minute < 1 or self.job_page_default < 1:
            raise ValueError("per_day must not be negative; requests_per_minute and job_page_default at least 1")
        drawn = random.Random(f"credentials {self.seed}")
        object.__setattr__(self, "client_id", str(uuid.UUID(int=drawn.getrandbits(128), version=4)))
        object.__setattr__(self, "client_secret", "sandbox-" + f"{drawn.getrandbits(192):048x}")
