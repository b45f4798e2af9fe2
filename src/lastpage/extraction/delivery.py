"""One extract: a query into a destination, which is held, claimed and filled; the same command again finishes what a crash left."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import msgspec

from lastpage.api.client import Client
from lastpage.api.names import Directory
from lastpage.coverage.ranges import Range, accepted, minus, refuse_overlap
from lastpage.coverage.tally import WORST, Coverage, Finality, Verdict
from lastpage.extraction.rows import fresh
from lastpage.extraction.run import Fetching, Options
from lastpage.files import Disk
from lastpage.ledger.ledger import Ledger
from lastpage.progress import Meter
from lastpage.query.interval import Interval, Relative
from lastpage.query.query import Query
from lastpage.sinks.destination import Destination
from lastpage.sinks.sink import Identity, Sink
from lastpage.tables.build import Shredder
from lastpage.tables.names import Names, names_of
from lastpage.tables.selection import EVERYTHING, HASH_KEY, Selection


@dataclass(frozen=True, slots=True)
class Extracting:
    """What is asked and where it goes. `selection` is None where a destination's own is to be taken up.

    `directory` has the names that are shown, None where ids are enough. They are no part of a destination's identity.
    """

    query: Query
    options: Options
    place: Destination
    selection: Selection | None
    client: Client
    disk: Disk
    meter: Meter
    directory: Directory | None = None

    def run(self, organization: Callable[[], str], began: Began) -> Summary:
        """To the end, or to an error after which the same call goes on."""
        with self.place.held() as state, closing(Ledger(state, self.disk.seam)) as ledger:
            ledger.identify(filters=self.query.fingerprint)
            with self.place.sink(state, self.disk) as sink:
                names = self._claim(sink, ledger, organization)
                summary = self._deliver(ledger, sink, began)
                if names.lists:
                    # Only those that came: a list that could not be had today does not wipe yesterday's.
                    sink.refresh(names)
                return summary

    def _deliver(self, ledger: Ledger, sink: Sink, began: Began) -> Summary:
        fetching = self._fetching(ledger, partial(_admit, sink, self.place.text))
        summary = deliver(fetching, sink, self.place.text, began)
        # What grows cannot be given the same hours again; its summary says which it has.
        if not sink.appends and fetching.outgrown() and ledger.unfinished(self._asked) is None:
            # What the earlier process began is done; time went on, and the command means more by now.
            self.meter.note(
                "the unfinished run is done; going on with what the command means by now"
            )
            summary = deliver(self._fetching(ledger), sink, self.place.text, began)
        return summary

    def _claim(self, sink: Sink, ledger: Ledger, organization: Callable[[], str]) -> Names:
        """Make the destination ours; the names that its rows are shown with.

        What can be refused without asking the API whose data it has, is refused first.
        """
        selection = self.selection or taken_up(sink.known)
        shredder = shredder_for(selection)
        theirs = sink.known.organization if sink.known else ""
        identity = Identity(
            theirs, self.query.fingerprint, shredder.selection.dump(), shredder.key_print
        )
        identity.check(sink.known, self.place.text)
        identity = replace(identity, organization=organization())
        identity.check(sink.known, self.place.text)
        ledger.identify(organization=identity.organization)
        if self.directory and not sink.appends:
            shredder = replace(
                shredder, names=names_of(self.directory.lists(selection.lists, self.meter.note))
            )
        sink.claim(identity, shredder)
        return shredder.names

    def _fetching(
        self, ledger: Ledger, admit: Callable[[Interval], None] = lambda _: None
    ) -> Fetching:
        return Fetching.begin(
            self._asked, self.query, self.client, ledger, self.options, self.meter, admit=admit
        )

    @property
    def _asked(self) -> str:
        return asked_text(self.query, self.options)


def _admit(sink: Sink, place: str, interval: Interval) -> None:
    """Raises `UsageError` for an interval that the destination has, whole or in part, and cannot replace."""
    if sink.appends:
        refuse_overlap(chain(*sink.committed().values()), interval, place)


def asked_text(query: Query, options: Options) -> str:
    """What makes a repeated command the same one; the filters are the destination's."""
    return f"{query.interval} {options.paginate}"


def taken_up(known: Identity | None) -> Selection:
    """What a destination was made with."""
    return Selection.load(known.selection) if known else EVERYTHING


def shredder_for(selection: Selection) -> Shredder:
    """With the key for its hashes from the environment; raises `UsageError` where one is needed and there is none."""
    return Shredder(selection, os.environ.get(HASH_KEY, "").encode())


# PART deliver
# The one place where everything meets: the groups of a run reach a sink, day by day, and a summary says how far to trust it.


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
                sink.append(
                    day, group.ranges(day), (fresh(group, page) for page in group.pages(day))
                )
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
    return sorted(
        {verdict.why for verdict in verdicts if verdict.coverage != "complete" or verdict.gap}
    )


def worst(verdicts: Sequence[Verdict]) -> tuple[Coverage, Finality]:
    """Coverage and finality of a run: the worst of its slices'."""
    coverage: Coverage = max(
        (verdict.coverage for verdict in verdicts), key=WORST.index, default="complete"
    )
    final = all(verdict.finality == "final" for verdict in verdicts)
    return coverage, "final" if final else "provisional"
