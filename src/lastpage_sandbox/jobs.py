"""Asynchronous jobs: submit, poll, results by cursor, delete; and the watermark of the lake behind
them (1.4, 3.1, 3.3, 3.5).
"""

from __future__ import annotations

import random
from collections import deque
from hashlib import blake2b
from typing import Any

import msgspec

from lastpage_sandbox.asking import (
    KEYS_OF_JOB,
    check_keys,
    check_order,
    flag,
    interval_ms,
    positive,
    too_far,
    too_long,
)
from lastpage_sandbox.clock import At
from lastpage_sandbox.cursor import Cursor
from lastpage_sandbox.filters import Filters
from lastpage_sandbox.job import Job
from lastpage_sandbox.library import Library
from lastpage_sandbox.moments import DAY_MS, stamp
from lastpage_sandbox.record.names import uuid_of
from lastpage_sandbox.replies import Asked, Refusal, Reply, bad_request, not_found, plain
from lastpage_sandbox.skeleton import LIFE_MS_MAX, Skeleton
from lastpage_sandbox.toolarge import held_to_size

Json = dict[str, Any]
#: What a job body must not have: these belong to the synchronous query (1.4).
NOT_HERE = ("paging", "aggregations")
#: Words that decide what becomes of the job asked about.
FATES = {"fail-job": "FAILED", "cancel-job": "CANCELLED", "expire-job": "EXPIRED"}
#: The cap that older deployments named (2), where the switch names none.
WALL = 400_000


class Jobs:
    """`…/conversations/details/jobs` and everything below it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._settings = library.settings
        self._drawn = random.Random(f"jobs {library.settings.seed}")
        self._jobs: dict[str, Job] = {}
        self._submitted: deque[int] = deque()

    @property
    def live(self) -> list[str]:
        """Jobs that are neither deleted nor lost."""
        return [name for name, job in self._jobs.items() if not job.deleted]

    def watermark_ms(self, now_ms: int) -> int:
        return max(now_ms - int(self._settings.watermark_lag_s * 1000), 0)

    def availability(self, now_ms: int) -> Reply:
        return Reply(200, {"dataAvailabilityDate": stamp(self.watermark_ms(now_ms))})

    def submit(self, asked: Asked, at: At) -> Reply:
        self._check(asked.json)
        self._check_allowance(at)
        job = Job(uuid_of(self._drawn.getrandbits(128)), asked.json, at)
        self._jobs[job.id] = job
        return Reply(202, {"jobId": job.id})

    def status(self, asked: Asked, name: str, at: At) -> Reply:
        job = self._find(asked, name)
        job.polls += 1
        for word, state in FATES.items():
            if word in asked.words:
                job.state, job.error = state, "The query failed." if state == "FAILED" else ""
        self._advance(job, at)
        return Reply(
            200 if job.over else self._settings.running_status, job.status(self._settings, at)
        )

    def results(self, asked: Asked, name: str, at: At) -> Reply:
        job = self._find(asked, name)
        if "expire-job" in asked.words:
            job.state = "EXPIRED"
        self._advance(job, at)
        if job.state != "FULFILLED":
            status = (
                self._settings.results_after_expiry
                if job.over
                else self._settings.results_before_done
            )
            raise not_found() if status == 404 else bad_request("The job has no results.")
        cursor = Cursor.read(
            asked.query.get("cursor", ""), job.id, at.waited_ms, self._settings.cursor_lifetime_s
        )
        size = self._page_size(asked)
        wall = self._settings.job_rows_max
        if "wall-400" in asked.words or (wall is not None and cursor.at >= wall):
            raise too_far(wall or WALL, self._settings)
        return self._page(asked, job, cursor, size, at.waited_ms)

    def delete(self, asked: Asked, name: str, at: At) -> Reply:
        job = self._find(asked, name)
        self._advance(job, at)
        if self._settings.after_delete == "gone":
            del self._jobs[name]
        elif job.deleted:
            raise plain(409)
        job.deleted, job.state, job.rows = True, "CANCELLED", []
        return Reply(204)

    def _check(self, body: Json) -> None:
        start, end = interval_ms(body)
        Filters.of(body)
        for key in NOT_HERE:
            if key in body:
                raise bad_request(f"{key} is not part of an asynchronous query.")
        check_keys(body, KEYS_OF_JOB, self._settings)
        check_order(body)
        flag(body, "startOfDayIntervalMatching")
        if body.get("limit") is not None and not positive(body["limit"]):
            raise bad_request("limit must be at least 1.")
        if end - start > self._settings.job_interval_days_max * DAY_MS:
            raise too_long(self._settings.job_interval_days_max, self._settings)

    def _check_allowance(self, at: At) -> None:
        """As many at once, and as many a minute, as the switches allow (11, row 9)."""
        waited_ms = at.waited_ms
        for job in self._jobs.values():
            self._advance(job, at)
        running = sum(not job.over for job in self._jobs.values())
        if running >= (self._settings.jobs_concurrent_max or running + 1):
            raise Refusal(
                429, "too.many.requests.retry.after", "Too many concurrent jobs.", retry_after=5
            )
        while self._submitted and waited_ms - self._submitted[0] >= 60_000:
            self._submitted.popleft()
        if len(self._submitted) >= (self._settings.jobs_per_minute_max or len(self._submitted) + 1):
            wait_s = 1 + (self._submitted[0] + 60_000 - waited_ms) // 1000
            raise Refusal(
                429, "too.many.requests.retry.after", "Too many jobs a minute.", retry_after=wait_s
            )
        self._submitted.append(waited_ms)

    def _find(self, asked: Asked, name: str) -> Job:
        if "lose-job" in asked.words:
            self._jobs.pop(name, None)
        if name not in self._jobs:
            raise not_found()
        return self._jobs[name]

    def _advance(self, job: Job, at: At) -> None:
        """Let time and polls do their work; a job that is done gets its snapshot."""
        if job.advance(self._settings, at):
            job.watermark_ms = self.watermark_ms(job.done_ms)
            job.rows = self._snapshot(job)

    def _snapshot(self, job: Job) -> list[Skeleton]:
        """What the job selects at the moment it is done; nothing changes it afterwards (3.1,
        3.2).
        """
        (start, end), filters = interval_ms(job.body), Filters.of(job.body)
        first = (
            start // DAY_MS * DAY_MS
            if flag(job.body, "startOfDayIntervalMatching")
            else start - LIFE_MS_MAX
        )
        found = [
            skeleton
            for skeleton in self._library.world.visible(first, end, job.done_ms)
            if skeleton.lives_into(start, end) and self._landed(skeleton, job.watermark_ms)
        ]
        found = self._library.matching(found, filters, job.watermark_ms, (start, end), partial=True)
        if self._settings.job_row_order == "shuffled":
            found.sort(key=lambda skeleton: blake2b(skeleton.id.encode(), digest_size=8).digest())
        return found[: round(len(found) * self._settings.job_share)][: job.body.get("limit")]

    def _landed(self, skeleton: Skeleton, watermark_ms: int) -> bool:
        """Whether the lake has it: everything before the watermark, by chance what is after it
        (3.3).
        """
        if skeleton.start_ms < watermark_ms:
            return skeleton.arrival_ms <= max(watermark_ms, skeleton.start_ms + 1)
        return not self._settings.partial_beyond_watermark or skeleton.id[-1] in "01234567"

    def _page(self, asked: Asked, job: Job, cursor: Cursor, size: int, waited_ms: int) -> Reply:
        at = cursor.at
        rows, following = job.rows[at : at + size], at + size
        if "repeat-page" in asked.words and at:
            rows, following = job.rows[max(at - size, 0) : at], at
        if "first-page" in asked.words:
            rows = job.rows[:size]
        if "short-page" in asked.words:
            rows = rows[: len(rows) // 3]
            following = at + len(rows)
        if "empty-page" in asked.words:
            rows, following = [], at
        if "loop-cursor" in asked.words:
            following = 0
        more: Json = {"dataAvailabilityDate": stamp(job.watermark_ms)}
        if following < len(job.rows) or following == at or "first-page" in asked.words:
            more = {"cursor": cursor.following(following, waited_ms)} | more
        elif self._settings.cursor_end == "null":
            more = {"cursor": None} | more
        tail = msgspec.json.encode(more)
        if rows:
            page = Reply(200, self._library.page(rows, job.watermark_ms, tail[1:-1]))
            return held_to_size(page, len(rows), self._settings)
        return Reply(
            200,
            tail if self._settings.empty_answer == "absent" else b'{"conversations":[],' + tail[1:],
        )

    def _page_size(self, asked: Asked) -> int:
        text = asked.query.get("pageSize", "")
        if not text:
            return self._settings.job_page_default
        if (
            not text.isdecimal()
            or not text.isascii()
            or not 1 <= int(text[:9]) <= self._settings.job_page_max
        ):
            raise bad_request(f"pageSize must be from 1 to {self._settings.job_page_max}.")
        return int(text[:9])
