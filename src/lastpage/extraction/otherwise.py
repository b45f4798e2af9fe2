"""What a job lacks, read the other way: by page numbers, at the end of a run.

A slice that is short by its job is read by page numbers, unless jobs alone were asked for.

    by page numbers came                     then
    ---------------------------------------  -----------------------------------------------------
    all that the job brought, and more       they replace the job's, without participant
                                             attributes, and provisional: due again by job
    the same                                 the job's stay, and are as sure as page numbers are;
                                             short, where more was counted in the whole
    less, or others                          the job's stay, short
    nothing: the API refuses, or a minute    the job's stay, short
    holds more than page numbers reach

Until it is decided, neither is handed over: the job's slice is `cut` and keeps its verdict. So a
crash at any point is gone on from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from lastpage.coverage.tally import Verdict
from lastpage.coverage.weighing import WORST, Coverage, weigh
from lastpage.errors import RefusedError, RejectedError, UsageError
from lastpage.ledger.ledger import Ledger
from lastpage.ledger.records import Planned, Run
from lastpage.planning.planner import Planner
from lastpage.walks import ROUTES


@dataclass(frozen=True, slots=True)
class OtherWay:
    """The slices of one run that are read the other way."""

    ledger: Ledger
    run: Run
    planner: Planner
    note: Callable[[str], None]

    def begin(self) -> bool:
        """Plan what is to be read by page numbers; whether there is anything."""
        for whole in self.ledger.slices(self.run):
            if is_short_job(whole):
                try:
                    slices = self.planner.by_pages(whole.slice, self.run.horizon)
                except (UsageError, RejectedError, RefusedError) as problem:
                    self.note(f"{whole.slice} cannot be read by page numbers: {problem}")
                    continue
                self.note(f"{whole.slice} is read by page numbers, too")
                self.ledger.cut(self.run, whole, slices, keeps_verdict=True)
        return any(True for _ in _open(self.ledger.slices(self.run)))

    def is_open(self, planned: Planned) -> bool:
        """Whether it is not decided yet if what was read for this slice is used."""
        beside = self.ledger.slices_of(self.run, planned.part, planned.part)
        return any(planned in parts for _, parts in _open(beside))

    def decide(self) -> None:
        """The table at the top of this file, once all that `begin` planned is settled."""
        for whole, parts in list(_open(self.ledger.slices(self.run))):
            had = frozenset(self.ledger.owned(self.run, whole.slice.number))
            came = frozenset(
                each for part in parts for each in self.ledger.owned(self.run, part.slice.number)
            )
            assert whole.verdict is not None
            verdict = Verdict.load(whole.verdict)
            # What is certain of the whole holds for its parts, whatever they were counted at.
            gap = verdict.gap if verdict.certain is None else verdict.certain
            known = max(whole.slice.expected or 0, verdict.conversations + gap)
            claim = weigh(known, len(came))
            why = f"{known:,} were counted in all of {whole.slice.interval}, and {len(came):,} came"
            if had < came:
                self.note(
                    f"{whole.slice}: {len(came):,} conversations came by page numbers, and only "
                    f"{len(had):,} by job; they have no participant attributes until a job has them"
                )
                self.ledger.take_parts(self.run, whole, _provisional(parts, claim, why))
                continue
            if had == came:
                coverage = max(_worst(parts), claim, key=WORST.index)
                verdict = replace(verdict, coverage=coverage, why=_same(verdict, coverage, parts))
            else:
                verdict = replace(verdict, why=f"{verdict.why}; page numbers have no more")
            self.ledger.take_whole(self.run, whole, verdict.dump(), parts)


def _open(slices: Sequence[Planned]) -> Iterator[tuple[Planned, list[Planned]]]:
    """Each slice of these that is not decided, and those it is read by."""
    for whole in slices:
        if whole.state == "cut" and whole.verdict is not None:
            interval = whole.slice.interval
            others = (each for each in slices if each.state != "cut")
            yield whole, [each for each in others if interval.clip(each.slice.interval)]


def is_short(planned: Planned) -> bool:
    """Whether it was read, and evidence says that rows are missing."""
    return planned.verdict is not None and Verdict.load(planned.verdict).coverage == "short"


def is_short_job(planned: Planned) -> bool:
    """Whether it is short, was read by a job, and is not handed over yet."""
    is_here = planned.state == "settled" and ROUTES[planned.slice.route].is_job
    return is_here and is_short(planned)


def _provisional(parts: Iterable[Planned], claim: Coverage, why: str) -> dict[int, str]:
    """The verdicts of slices by their numbers: none final, none better than what was claimed."""
    verdicts = {each.slice.number: Verdict.load(each.verdict or "") for each in parts}
    return {
        number: replace(
            verdict,
            coverage=max(verdict.coverage, claim, key=WORST.index),
            why=verdict.why if claim == "complete" else why,
        ).provisional.dump()
        for number, verdict in verdicts.items()
    }


def _worst(parts: Iterable[Planned]) -> Coverage:
    coverages = (Verdict.load(each.verdict or "").coverage for each in parts)
    return max(coverages, key=WORST.index)


def _same(verdict: Verdict, coverage: Coverage, parts: Iterable[Planned]) -> str:
    if _worst(parts) == "complete" != coverage:
        return f"{verdict.why}; page numbers bring the same"
    if coverage == "complete":
        return "page numbers brought the same conversations, and counts agreed"
    return f"{verdict.why}; page numbers bring the same, so the count may be too high"
