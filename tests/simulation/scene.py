"""A scene: an organisation, a command and a weather, all drawn from one seed. Features are on or off by swarm: no scene has all."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

#: Words by endpoint that a correct client survives; each scene allows some of them.
WORDS = {
    "token": ("return-503", "reset", "html-502", "truncate-json"),
    "organization": ("return-500", "return-429", "expire-token"),
    "details.query": (
        *(
            "return-429-after:3",
            "return-429",
            "return-500",
            "return-504",
            "html-502",
            "reset",
            "cut-after-1k",
        ),
        *("truncate-json", "bad-gzip", "expire-token", "slide-rows", "repeat-page"),
    ),
    "jobs.availability": ("return-503", "reset", "truncate-json"),
    "jobs.submit": ("return-429-after:2", "return-503", "cut-after-1k", "expire-token"),
    "jobs.status": (
        "fail-job",
        "cancel-job",
        "expire-job",
        "lose-job",
        "return-500",
        "truncate-json",
        "expire-token",
    ),
    "jobs.results": (
        *(
            "empty-page",
            "short-page",
            "repeat-page",
            "lose-job",
            "expire-job",
            "loop-cursor",
            "wall-400",
            "reset",
        ),
        *("cut-after-1k", "truncate-json", "bad-gzip", "return-429", "return-503", "expire-token"),
    ),
    "jobs.delete": ("return-500", "lose-job", "reset"),
}
#: More such words. They are drawn apart, so that the seeds from before they were known keep their scenes.
LATER = (
    ("token", "return-429-after:0"),
    ("details.query", "return-503-after:0"),
    ("jobs.status", "return-503-after:0"),
    ("jobs.results", "return-429-after:0"),
    ("jobs.results", "return-503-after:0"),
    ("organization", "html-200"),
    ("jobs.availability", "blank-200"),
    ("jobs.submit", "error-200"),
    *(("details.query", word) for word in ("html-200", "error-200", "blank-200", "first-page")),
    *(("jobs.results", word) for word in ("html-200", "error-200", "blank-200", "first-page")),
)
#: What may leave a slice without a true end: only after these may a run say short.
DEADLY = frozenset(
    {
        "fail-job",
        "cancel-job",
        "expire-job",
        "lose-job",
        "loop-cursor",
        "wall-400",
        "slide-rows",
        "repeat-page",
        "first-page",
    }
)
#: Without headers nobody can know of a smaller allowance than the usual one.
ALLOWANCES: tuple[dict[str, Any], ...] = (
    {"requests_per_minute": 300, "rate_headers": False},
    {"requests_per_minute": 60, "rate_headers": True},
    {"requests_per_minute": 300, "rate_headers": True},
)
#: What the API does wrong for a while, from the first page or job of a run on: less than the minute that contradicts a claim.
WHILES = (
    "index-out-for-20s",
    "index-half-for-20s",
    "index-out-for-60s",
    "index-half-for-60s",
    "counts-double-for-60s",
)
MIDNIGHT = datetime(2023, 10, 20, tzinfo=UTC)


@dataclass(frozen=True)
class Scene:
    """What is drawn before anything moves."""

    seed: int
    now: datetime
    settings: dict[str, Any]
    #: One command after the other, into one place; they overlap.
    intervals: tuple[str, ...]
    asked: dict[str, Any]
    #: How many rows the planner puts into a slice of either route.
    pages_rows: int
    job_rows: int
    place: str
    words: tuple[tuple[str, str], ...]
    crashes: int
    #: What goes wrong for a while after the plan.
    whiles: tuple[str, ...] = ()
    #: Conversations that are deleted before each command after the first.
    deletions: int = 0
    #: The numbers of the commands that read what is final and here, too.
    refreshed: frozenset[int] = frozenset()
    #: The tables that are kept; without those that need a job, what is small is read at once.
    tables: str = ""

    @classmethod
    def draw(cls, seed: int) -> Scene:
        rng = random.Random(f"scene {seed}")
        now = MIDNIGHT + timedelta(seconds=rng.randrange(86_400))
        return cls(
            seed,
            now,
            _settings(rng, seed) | _sizes(seed),
            tuple(_interval(rng, now) for _ in range(rng.choice((1, 1, 2, 3)))),
            {
                "paginate": rng.choice(("auto", "auto", "auto", "pages", "cursor")),
                "page_size": rng.choice((3, 7, 20, 100)),
            },
            pages_rows=rng.choice((8, 25, 10_000)),
            job_rows=rng.choice((15, 60, 100_000)),
            place=rng.choice(("out", "out", "out.jsonl", "out.jsonl.gz")),
            words=_swarm(rng) + _later(seed),
            crashes=rng.choice((0, 0, 1, 2, 5)),
            deletions=random.Random(f"deletions {seed}").choice((0, 0, 1, 3, 12)),
            refreshed=frozenset(random.Random(f"refreshed {seed}").sample(range(3), 1)),
            tables=random.Random(f"kept tables {seed}").choice(("", "", "sessions")),
        )._with_lies()

    def _with_lies(self) -> Scene:
        """Some jobs lack a share of their rows, and the API is wrong for a while, where counts can show it."""
        rng = random.Random(f"lies {self.seed}")
        whiles = tuple(rng.sample(WHILES, 1)) if rng.random() < 0.3 else ()
        share = rng.choice((1.0, 1.0, 1.0, 1.0, 0.5, 0.0))
        if self.settings["sync_interval"] == "whole-day":
            return self
        if self.asked["paginate"] == "cursor" or (share and self.settings["per_day"] == 2):
            share = 1.0  # one of two is within the counts' error
        return replace(self, settings={**self.settings, "job_share": share}, whiles=whiles)


def _settings(rng: random.Random, seed: int) -> dict[str, Any]:
    late = rng.random() < 0.3
    quiet = dict.fromkeys(
        (
            "evaluated_share",
            "surveyed_share",
            "resolved_share",
            "late_wrap_up_share",
            "rewritten_share",
        ),
        0.0,
    )
    return {
        **quiet,
        "seed": seed,
        "per_day": rng.choice((2, 15, 40)),
        **rng.choice(ALLOWANCES),
        "watermark_lag_s": rng.choice((600.0, 4 * 3600.0, 20 * 3600.0)),
        "job_polls": rng.choice((0, 1, 3)),
        "job_row_order": rng.choice(("shuffled", "start")),
        "cursor_end": rng.choice(("absent", "null")),
        "running_status": rng.choice((202, 200)),
        "empty_answer": rng.choice(("absent", "empty-list")),
        "sync_interval": rng.choice(("day+overlap", "day+overlap", "exact-start", "whole-day")),
        "dialect": rng.choice(("none", "none", "next-page-token")),
        "after_delete": rng.choice(("gone", "cancelled")),
        "results_before_done": rng.choice((404, 400)),
        "token_lifetime_s": rng.choice((300, 86_399)),
        "late_share": 0.2 if late else 0.0,
        "late_s": rng.choice((60.0, 1800.0)),
        "orphans": rng.choice((0.0, 0.3)),
        "gzip": rng.random() < 0.7,
    }


def _interval(rng: random.Random, now: datetime) -> str:
    days = rng.choice((1, 1, 2, 4))
    first = (now - timedelta(days=rng.randrange(10))).date()
    forms = (
        f"{first - timedelta(days=days)}/{first}",
        f"{days * 24}h",
        f"{first - timedelta(days=days)}T07:15Z/{first}T00:30Z",
        f"{(now - timedelta(hours=30)).date()}/{now.date() + timedelta(days=1)}",
    )
    return rng.choice(forms)


def _sizes(seed: int) -> dict[str, Any]:
    rng = random.Random(f"sizes {seed}")
    if rng.random() < 0.7:
        return {}
    return {
        "page_rows_max": rng.choice((1, 2, 5, 12)),
        "page_too_large": rng.choice(("504", "413", "400")),
    }


def _later(seed: int) -> tuple[tuple[str, str], ...]:
    rng = random.Random(f"later {seed}")
    return tuple(rng.sample(LATER, rng.choice((0, 0, 1, 2, 4))))


def _swarm(rng: random.Random) -> tuple[tuple[str, str], ...]:
    every = [(endpoint, word) for endpoint, words in WORDS.items() for word in words]
    return tuple(rng.sample(every, rng.choice((0, 0, 2, 5, 12))))
