"""Rows that a job cannot show yet, taken by id.

A filter on segments is asked of the lake as it stood at the watermark. A conversation that began before it and met the filter after
it is not among a job's results, however often they are read; page numbers see it, as a row that they do not own. It is taken by id,
as it is by now and without attributes. Whether there are more of its kind nobody knows, so its slice is unproven, and due again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lastpage.api.client import Client
from lastpage.coverage.evidence import IDS_MAX, records
from lastpage.coverage.tally import Account, Verdict
from lastpage.ledger.ledger import Ledger, Planned, Run
from lastpage.query.interval import from_unix
from lastpage.walks.walk import Request


@dataclass(frozen=True, slots=True)
class ById:
    """Adds rows to settled slices of one run."""

    ledger: Ledger
    run: Run
    client: Client

    def take(self, planned: Planned, ids: Sequence[str]) -> int:
        """Add these conversations to a slice, as pages of its attempt; how many of them it owns now."""
        assert planned.attempt is not None
        assert planned.verdict is not None
        piece, attempt = planned.slice, self.ledger.attempt(planned.attempt)
        account = Account(piece, from_unix(self.client.server_now()))
        number = len(self.ledger.pages(attempt, piece))
        for first in range(0, len(ids), IDS_MAX):
            for answer in records(self.client, ids[first : first + IDS_MAX]):
                request = Request(piece, "named", ordinal=number)
                self.ledger.add(attempt, number, request, answer)
                account.take(number, request, answer)
                number += 1
        verdict = _with(Verdict.load(planned.verdict), account)
        owned = {*self.ledger.owned(self.run, piece.number), *account.digests}
        self.ledger.settle(self.run, piece.number, attempt.id, verdict.dump(), owned, {})
        return len(account.owned)


def _with(verdict: Verdict, account: Account) -> Verdict:
    days = {day: verdict.days.get(day, 0) + account.days.get(day, 0) for day in {*verdict.days, *account.days}}
    return replace(
        verdict,
        coverage="unproven",
        finality="provisional",
        why=f"{len(account.owned):,} were taken by id: others saw them, the job cannot show them under this filter yet",
        conversations=verdict.conversations + len(account.owned),
        fetched=verdict.fetched + account.fetched,
        foreign=verdict.foreign + len(account.foreign),
        open=verdict.open + account.open,
        days=dict(sorted(days.items())),
        pages=verdict.pages | account.pages,
    )
