"""The one place where everything meets: the groups of a run reach a sink, day by day, and a summary says how far to trust it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from lastpage.fetch.client import Client
from lastpage.groups import fresh
from lastpage.interval import Relative
from lastpage.run import Fetching
from lastpage.sinks.ranges import accepted, minus
from lastpage.sinks.sink import Range, Sink
from lastpage.tally import WORST, Coverage, Finality, Verdict


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run did, and how far it can be trusted; the command line's `--json`."""

    coverage: Coverage
    finality: Finality
    conversations: int
    slices: int
    pages: int
    requests: int
    retries: int
    duplicates: int
    unknown_fields: list[str]
    seconds: float
    destination: str
    interval: str
    notes: list[str]

    def json(self) -> str:
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True, slots=True)
class Began:
    """The client's counts when a run began; it may have served other runs before."""

    at: float
    requests: int
    retries: int

    @classmethod
    def now(cls, client: Client) -> Began:
        return cls(client.clock.now(), client.counts.requests, client.counts.retries)


def deliver(fetching: Fetching, sink: Sink, destination: str, began: Began) -> Summary:
    """Run to the end, into a sink; what it did and how far it can be trusted."""
    clock, counts = fetching.client.clock, fetching.client.counts
    held = {} if sink.appends else sink.committed()
    for group in fetching.groups():
        for day in group.days:
            fetching.meter.note_all(kept(held.get(day, ()), group.ranges(day)))
            if sink.appends and group.delivered is not None:
                sink.append(day, group.ranges(day), (fresh(group, page) for page in group.pages(day)))
            else:
                fetching.unread(group, sink.replace(day, group.ranges(day), group.pages(day)))
        fetching.commit(group)
    verdicts = fetching.verdicts()
    coverage, finality = worst(verdicts)
    strange = fetching.unknown_fields(fetching.meter.note)
    # What is short is not done: the same command tries it again. `24h` means another range by then.
    if coverage != "short" or isinstance(fetching.query.interval, Relative):
        fetching.finish()
    return Summary(
        coverage=coverage,
        finality=finality,
        conversations=sum(verdict.conversations for verdict in verdicts),
        slices=len(verdicts),
        pages=fetching.meter.pages,
        requests=counts.requests - began.requests,
        retries=counts.retries - began.retries,
        duplicates=sum(verdict.duplicates for verdict in verdicts),
        unknown_fields=strange,
        seconds=round(clock.now() - began.at, 3),
        destination=destination,
        interval=str(fetching.run.interval),
        notes=fetching.meter.notes + reservations(verdicts),
    )


def kept(held: Sequence[Range], ranges: Sequence[Range]) -> Iterator[str]:
    """What is not written, because the destination has a fresher version of it, or a complete one instead of a short one."""
    taken = accepted(held, ranges)
    for version in ranges:
        for part in minus(version.interval, taken):
            yield f"{part} stays as it was: what is there is fresher, or complete; fetch it again when the watermark has passed"


def reservations(verdicts: Iterable[Verdict]) -> list[str]:
    """Why it is not simply complete, each reason once."""
    return sorted({verdict.why for verdict in verdicts if verdict.coverage != "complete" or verdict.gap})


def worst(verdicts: Sequence[Verdict]) -> tuple[Coverage, Finality]:
    """Coverage and finality of a run: the worst of its slices'."""
    coverage: Coverage = max((verdict.coverage for verdict in verdicts), key=WORST.index, default="complete")
    final = all(verdict.finality == "final" for verdict in verdicts)
    return coverage, "final" if final else "provisional"
