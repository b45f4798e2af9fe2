"""One attempt under way: a walk of a slice, with what it sent and what came, in the ledger.

    begun, or taken up where an earlier process left it ─▶ walk_on ─▶ its end

Each request waits for its turn; each answer is in the ledger before it counts. What the end means
is decided in `settling`.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from lastpage.api.messages import Answer
from lastpage.api.patience import SHORT_PATIENCE
from lastpage.coverage.account import Account
from lastpage.errors import ApiError, Interrupted
from lastpage.ledger.records import Attempt, Entry
from lastpage.planning.slices import Slice
from lastpage.query.interval import from_unix
from lastpage.walks.sizes import begin_with
from lastpage.walks.walk import READS, End, Request, Step, Walk, drive

if TYPE_CHECKING:
    from lastpage.extraction.settling import Settler


class OpenAttempt:
    """One attempt under way: the walk's next step, the requests made, the account so far."""

    def __init__(
        self,
        settler: Settler,
        slice_: Slice,
        walk: Walk,
        attempt: Attempt,
        entries: Iterable[Entry] = (),
        rows: int = 0,
    ) -> None:
        """Begin, or take in what an earlier process stored: the next step follows from its last.

        The next page has so many `rows`; 0: as many as the walk says.
        """
        self.attempt = attempt
        self.account = Account(slice_, from_unix(attempt.began), settler.unknown)
        self.walk = walk
        self._settler = settler
        self.requests: list[Request] = []
        self.step: Step = walk.first(slice_)
        for entry in entries:
            answer = settler.ledger.answer(attempt, entry)
            self._enter(entry.request, answer)
            self.step = walk.after(entry.request, answer)
        if rows and isinstance(self.step, Request):
            self.step = begin_with(self.step, rows)

    @property
    def watermark(self) -> datetime | None:
        """How far jobs reached: as read before submitting, or less, if the results say less."""
        known = self.attempt.watermark
        return min(known, self.account.watermark or known) if known else None

    @property
    def is_partial(self) -> bool:
        """Whether it was known before it began that this route cannot have all of the slice.

        That a filter looks further than the slice is no reason: rows that are lost between two
        readings of a settled slice come back.
        """
        slice_ = self.account.slice
        alone = replace(slice_, asked=slice_.interval)
        return bool(self.walk.doubt(alone, self.attempt.watermark))

    @property
    def as_of(self) -> datetime:
        """The moment up to which the rows tell what happened."""
        return self.walk.as_of(self.account.now, self.watermark or self.account.watermark)

    def abandon(self, reason: str, then: str = "reading it again") -> None:
        """Give the attempt up, and delete what it left at the API: a job."""
        settler = self._settler
        if settler.ahead:
            settler.ahead.forget(self.attempt.id)
        settler.meter.note(f"{self.account.slice}: {reason}; {then}")
        settler.ledger.end_attempt(self.attempt, "lost", reason)
        self.clean_up()

    def clean_up(self) -> None:
        """Delete what an attempt that is not at its end leaves at the API: a job."""
        if request := self.walk.cleanup(self.requests):
            with suppress(ApiError):  # a job expires by itself
                self._settler.client.send(self.walk.call(request))

    def walk_on(self) -> End:
        """Go from where it is to the end of its walk; raises as `drive` does."""
        return drive(
            self.walk,
            self.step,
            send=self._send,
            keep=self._store,
            sleep=self._settler.client.clock.sleep,
            made=self.requests,
            since_new=self.account.since_new,
            broken_off=self._leave,
        )

    def _leave(self, step: Request) -> None:
        """Broken off at this step: a job that nobody will go on with is deleted at the API."""
        client = self._settler.client.with_patience(SHORT_PATIENCE)
        request = step if step.kind == "delete" else self.walk.cleanup([step])
        if request and not self._settler.ledger.lasts:
            with suppress(ApiError, Interrupted):  # a job expires by itself
                client.send(self.walk.call(request))

    def _send(self, request: Request) -> Answer:
        """Before a page is asked for, slices before this one go first, while not all can."""
        settler, client = self._settler, self._settler.client
        since, position = client.clock.now(), self.account.slice.position
        while request.kind in READS and not settler.stopped():
            if settler.turns.has_turn(position, since):
                break
            client.clock.sleep(client.pace.distance_s)
        if settler.stopped():
            raise Interrupted("the run was stopped")
        answer = client.send(self.walk.call(request))
        settler.turns.asked(position)
        return answer

    def _store(self, request: Request, answer: Answer) -> None:
        """Keep an answer in the ledger, and enter it into the account."""
        self._settler.ledger.add(self.attempt, len(self.requests), request, answer)
        self._enter(request, answer)

    def _enter(self, request: Request, answer: Answer) -> None:
        before, number = len(self.account.log), len(self.requests)
        self.account.take(number, request, answer)
        self.requests.append(request)
        if request.kind in READS:
            self._settler.meter.add_page(len(self.account.log) - before)
            if self._settler.ahead and answer.status < 300:
                interval = self.account.slice.interval
                self._settler.ahead.add(self.attempt.id, number, interval, answer)
