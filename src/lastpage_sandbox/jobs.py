"""Asynchronous jobs: submit, poll, results by cursor, delete; and the watermark of the lake behind them (1.4, 3.1, 3.3, 3.5)."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lastpage_sandbox import filters
from lastpage_sandbox.query import TOO_FAR, Library, envelope, interval_ms
from lastpage_sandbox.record import stamp
from lastpage_sandbox.replies import Asked, Refusal, Reply, bad_request, invalid_value, not_found
from lastpage_sandbox.world import DAY_MS, LIFE_MS_MAX, Skeleton

Json = dict[str, Any]
ORDERS = ("asc", "desc", "unordered")
#: What a job body must not have: these belong to the synchronous query (1.4).
NOT_HERE = ("paging", "aggregations")


@dataclass(slots=True)
class Job:
    """A submitted query; `rows` is the snapshot taken when it was done."""

    id: str
    body: Json
    submitted_ms: int
    polls: int = 0
    state: str = "QUEUED"
    error: str = ""
    done_ms: int = 0
    watermark_ms: int = 0
    rows: list[Skeleton] = field(default_factory=list)


class Jobs:
    """`…/conversations/details/jobs` and everything below it."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._settings = library.settings
        self._drawn = random.Random(f"jobs {library.settings.seed}")
        self._jobs: dict[str, Job] = {}

    @property
    def live(self) -> list[str]:
        """Jobs that are neither deleted nor lost."""
        return list(self._jobs)

    def watermark_ms(self, now_ms: int) -> int:
        return now_ms - int(self._settings.watermark_lag_s * 1000)

    def availability(self, now_ms: int) -> Reply:
        return Reply(200, {"dataAvailabilityDate": stamp(self.watermark_ms(now_ms))})

    def submit(self, asked: Asked, now_ms: int) -> Reply:
        body: Json = asked.json
        interval_ms(body)
        filters.checked(body)
        for key in NOT_HERE:
            if key in body:
                raise bad_request(f"{key} is not part of an asynchronous query.")
        if body.get("order", "asc") not in ORDERS:
            raise invalid_value(body.get("order"), "QueryOrder", ORDERS)
        running = [job for job in self._jobs.values() if job.state in ("QUEUED", "PENDING")]
        most = self._settings.jobs_concurrent_max
        if most is not None and len(running) >= most:
            raise Refusal(429, "too.many.requests.retry.after", "Too many concurrent jobs.", retry_after=5)
        job = Job(str(uuid.UUID(int=self._drawn.getrandbits(128), version=4)), body, now_ms)
        self._jobs[job.id] = job
        return Reply(202, {"jobId": job.id})

    def status(self, asked: Asked, name: str, now_ms: int) -> Reply:
        job = self._find(asked, name, now_ms)
        job.polls += 1
        for word, state in (("fail-job", "FAILED"), ("cancel-job", "CANCELLED"), ("expire-job", "EXPIRED")):
            if word in asked.words:
                job.state, job.error = state, "The query failed." if state == "FAILED" else ""
        self._advance(job, now_ms)
        done = job.state not in ("QUEUED", "PENDING")
        body = {
            "state": job.state,
            "errorMessage": job.error or None,
            "expirationDate": stamp(job.done_ms + int(self._settings.job_lifetime_s * 1000)) if job.done_ms else None,
            "submissionDate": stamp(job.submitted_ms),
            "completionDate": stamp(job.done_ms) if job.done_ms else None,
        }
        return Reply(200 if done else 202, {key: value for key, value in body.items() if value is not None})

    def results(self, asked: Asked, name: str, now_ms: int) -> Reply:
        job = self._find(asked, name, now_ms)
        if "expire-job" in asked.words:
            job.state = "EXPIRED"
        if job.state != "FULFILLED":
            raise not_found() if self._settings.results_before_done == 404 else bad_request("The job is not done.")
        at = self._offset(job, asked.query.get("cursor", ""))
        size = self._page_size(asked)
        if "wall-400" in asked.words or (self._settings.job_rows_max is not None and at >= self._settings.job_rows_max):
            raise bad_request(TOO_FAR.format(cap=self._settings.job_rows_max or 400_000))
        return self._page(asked, job, at, size)

    def delete(self, asked: Asked, name: str, now_ms: int) -> Reply:
        self._find(asked, name, now_ms)
        del self._jobs[name]
        return Reply(204)

    def _find(self, asked: Asked, name: str, now_ms: int) -> Job:
        if "lose-job" in asked.words:
            self._jobs.pop(name, None)
        if name not in self._jobs:
            raise not_found()
        job = self._jobs[name]
        if job.done_ms and now_ms - job.done_ms > self._settings.job_lifetime_s * 1000:
            job.state = "EXPIRED"
        return job

    def _advance(self, job: Job, now_ms: int) -> None:
        if job.state == "QUEUED" and job.polls >= 1:
            job.state = "PENDING"
        waited = now_ms - job.submitted_ms >= self._settings.job_seconds * 1000
        if job.state == "PENDING" and job.polls > self._settings.job_polls and waited:
            job.state, job.done_ms = "FULFILLED", now_ms
            job.watermark_ms = self.watermark_ms(now_ms)
            job.rows = self._snapshot(job, now_ms)

    def _snapshot(self, job: Job, now_ms: int) -> list[Skeleton]:
        start, end = interval_ms(job.body)
        first = start // DAY_MS * DAY_MS if job.body.get("startOfDayIntervalMatching") else start - LIFE_MS_MAX
        found = [
            skeleton
            for skeleton in self._library.world.visible(first, end, now_ms)
            if skeleton.lives_into(start, end) and self._landed(skeleton, job.watermark_ms)
        ]
        found = self._library.matching(found, filters.checked(job.body), self._as_of(job), (start, end))
        if self._settings.job_row_order == "shuffled":
            found.sort(key=lambda skeleton: hashlib.blake2b(skeleton.id.encode(), digest_size=8).digest())
        limit = job.body.get("limit")
        return found[:limit] if isinstance(limit, int) else found

    def _landed(self, skeleton: Skeleton, watermark_ms: int) -> bool:
        """Whether the lake has it: everything before the watermark, by chance what is after it (3.3)."""
        if skeleton.start_ms < watermark_ms:
            return skeleton.arrival_ms <= max(watermark_ms, skeleton.start_ms + 1)
        return not self._settings.partial_beyond_watermark or skeleton.id[-1] in "01234567"

    def _as_of(self, job: Job) -> int:
        """The moment a job's records show: what the lake had when the job was done."""
        return max(job.watermark_ms, 0)

    def _page(self, asked: Asked, job: Job, at: int, size: int) -> Reply:
        rows = job.rows[at : at + size]
        following: int | None = at + size
        if "repeat-page" in asked.words and at:
            rows = job.rows[max(at - size, 0) : at]
            following = at
        if "short-page" in asked.words:
            rows = rows[: len(rows) // 3]
            following = at + len(rows)
        if "empty-page" in asked.words:
            rows, following = [], at
        if "loop-cursor" in asked.words:
            following = 0
        if following is not None and following >= len(job.rows) and following != at:
            following = None
        as_of = self._as_of(job)
        parts = [self._library.rendered(skeleton, max(as_of, skeleton.start_ms), attributes=True) for skeleton in rows]
        tail = b'"dataAvailabilityDate":"%s"' % stamp(job.watermark_ms).encode()
        if following is not None:
            tail = b'"cursor":"%s",%s' % (self._cursor(job, following, asked.query.get("cursor", "")).encode(), tail)
        elif self._settings.cursor_end == "null":
            tail = b'"cursor":null,' + tail
        return Reply(200, envelope(parts, self._settings, tail))

    def _page_size(self, asked: Asked) -> int:
        text = asked.query.get("pageSize", "")
        if not text:
            return self._settings.job_page_default
        if not text.isdecimal() or not 1 <= int(text) <= self._settings.job_page_max:
            raise bad_request(f"pageSize must be from 1 to {self._settings.job_page_max}.")
        return int(text)

    def _cursor(self, job: Job, at: int, before: str) -> str:
        """Opaque, and different for each page, also for the one after an empty page."""
        step = self._steps(before) + 1 if at else 0
        return base64.urlsafe_b64encode(msgspec.json.encode([job.id, at, step])).decode()

    def _steps(self, cursor: str) -> int:
        return int(msgspec.json.decode(base64.urlsafe_b64decode(cursor))[2]) if cursor else 0

    def _offset(self, job: Job, cursor: str) -> int:
        if not cursor:
            return 0
        try:
            name, at, _ = msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=tuple[str, int, int])
        except (ValueError, msgspec.MsgspecError):
            raise bad_request("The cursor is not valid.") from None
        if name != job.id:
            raise bad_request("The cursor is not valid.")
        return at
