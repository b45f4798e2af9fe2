"""One extract: a query into a destination, which is held, claimed and filled; the same command again finishes what a crash left."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from lastpage.deliver import Began, Summary, deliver
from lastpage.destination import Destination
from lastpage.fetch.client import Client
from lastpage.files import Disk
from lastpage.interval import Interval
from lastpage.ledger import Ledger
from lastpage.meter import Meter
from lastpage.naming import Directory
from lastpage.query import Query
from lastpage.run import Fetching, Options
from lastpage.sinks.sink import Identity, Sink, refuse_overlap
from lastpage.tables.names import Names
from lastpage.tables.selection import EVERYTHING, Selection
from lastpage.tables.shredder import HASH_KEY, Shredder


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
            self.meter.note("the unfinished run is done; going on with what the command means by now")
            summary = deliver(self._fetching(ledger), sink, self.place.text, began)
        return summary

    def _claim(self, sink: Sink, ledger: Ledger, organization: Callable[[], str]) -> Names:
        """Make the destination ours; the names that its rows are shown with.

        What can be refused without asking the API whose data it has, is refused first.
        """
        selection = self.selection or taken_up(sink.known)
        shredder = shredder_for(selection)
        theirs = sink.known.organization if sink.known else ""
        identity = Identity(theirs, self.query.fingerprint, shredder.selection.dump(), shredder.key_print)
        identity.check(sink.known, self.place.text)
        identity = replace(identity, organization=organization())
        identity.check(sink.known, self.place.text)
        ledger.identify(organization=identity.organization)
        if self.directory and not sink.appends:
            shredder = replace(shredder, names=self.directory.names(selection.lists, self.meter.note))
        sink.claim(identity, shredder)
        return shredder.names

    def _fetching(self, ledger: Ledger, admit: Callable[[Interval], None] = lambda _: None) -> Fetching:
        return Fetching.begin(self._asked, self.query, self.client, ledger, self.options, self.meter, admit=admit)

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
