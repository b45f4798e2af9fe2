"""A submitted query and its way from QUEUED to its end: at once, by polls, by the clock
(docs/api.md, 1.4, 5.5, 8).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lastpage_sandbox.clock import At
from lastpage_sandbox.moments import stamp
from lastpage_sandbox.settings import Settings
from lastpage_sandbox.skeleton import Skeleton

RUNNING = ("QUEUED", "PENDING")
#: Of the seconds that a job takes, such a share it spends waiting to be begun.
QUEUED_SHARE = 0.25


@dataclass(slots=True)
class Job:
    """`rows` is the snapshot taken when it was done."""

    id: str
    body: dict[str, Any]
    submitted: At
    polls: int = 0
    state: str = "QUEUED"
    error: str = ""
    #: When it was fulfilled, in the organisation and as clients wait; 0 before.
    done_ms: int = 0
    done_waited_ms: int = 0
    watermark_ms: int = 0
    deleted: bool = False
    rows: list[Skeleton] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.state not in RUNNING

    def advance(self, settings: Settings, at: At) -> bool:
        """Bring the state up to the clock and the polls; True when the job has just been
        fulfilled.
        """
        if (
            self.done_ms
            and at.waited_ms - self.done_waited_ms > settings.job_lifetime_s * 1000
            and self.state == "FULFILLED"
        ):
            self.state, self.rows = "EXPIRED", []
        if self.over:
            return False
        takes_ms = int(settings.job_seconds * 1000)
        elapsed_ms = at.waited_ms - self.submitted.waited_ms
        polled = self.polls > settings.job_polls or (not settings.job_polls and takes_ms > 0)
        if polled and elapsed_ms >= takes_ms:
            # By the clock it was done when its time was over, whoever looked when.
            late_ms = 0 if settings.job_polls else elapsed_ms - takes_ms
            self.done_waited_ms = at.waited_ms - late_ms
            self.done_ms = at.now_ms - round(late_ms * self._pace(at))
            self.state = "FULFILLED"
            return True
        if self.polls and elapsed_ms >= takes_ms * QUEUED_SHARE:
            self.state = "PENDING"
        return False

    def _pace(self, at: At) -> float:
        """How fast the organisation's time has passed since it was submitted."""
        elapsed_ms = at.waited_ms - self.submitted.waited_ms
        passed_ms = max(at.now_ms - self.submitted.now_ms, 0)
        return passed_ms / elapsed_ms if elapsed_ms else 0.0

    def status(self, settings: Settings, at: At) -> dict[str, str]:
        """AsyncQueryStatus; what there is nothing to say about is left out. It expires so many
        seconds from the Date of the answer, as dates are read.
        """
        body = {"state": self.state, "submissionDate": stamp(self.submitted.now_ms)}
        if self.error:
            body["errorMessage"] = self.error
        if self.done_ms:
            body["completionDate"] = stamp(self.done_ms)
            left_ms = self.done_waited_ms + int(settings.job_lifetime_s * 1000) - at.waited_ms
            body["expirationDate"] = stamp(at.now_ms + left_ms)
        return body
