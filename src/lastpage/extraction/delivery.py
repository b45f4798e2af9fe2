"""One extract: a query into a destination, which is claimed and filled day by day; its summary.

    hold the destination ─▶ open its sink ─▶ claim it ─▶ choose what is read
                                                  ─▶ run, day by day into the sink ─▶ summary
                                                                   (─▶ a single file of its tables)

The same command again finishes what a crash left. What the two contracts of sinks make different:

                        tables                                 lines
    an interval that    is read again, but for days that are   is done; one that is there in part
    is there already    final (`choosing.py`), and replaced,   is refused before it is fetched
                        where what is there is neither
                        fresher nor complete; rows that did
                        not come leave by a rule of their own
                        (`replacing.py`)
    rows found late     the range is replaced                  are appended
    names               in the overview, and lists beside      none: lines hold ids
    time went on since  what the command means by now is       nothing: it cannot be given the
    an unfinished run   fetched, too                           same hours again
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial, reduce
from itertools import chain
from typing import TYPE_CHECKING

from lastpage.api.client import Client
from lastpage.api.names import Directory
from lastpage.api.organization import JobWatermark
from lastpage.coverage.ranges import Range, exactly, refuse_overlap
from lastpage.errors import UsageError
from lastpage.extraction.changes import Changes
from lastpage.extraction.choosing import Choice, Fetch, Goal, There
from lastpage.extraction.comparing import Differences
from lastpage.extraction.lists import Remembered
from lastpage.extraction.moving import Moving
from lastpage.extraction.replacing import Replacing
from lastpage.extraction.resuming import HeldIds
from lastpage.extraction.rows import Group, undelivered
from lastpage.extraction.run import Fetching, Options
from lastpage.extraction.single import SingleFile
from lastpage.extraction.summary import Baseline, Summary, worst_of
from lastpage.extraction.telling import told
from lastpage.extraction.waiting import Waiting
from lastpage.files import Disk
from lastpage.ledger.ids import digest
from lastpage.ledger.ledger import Ledger
from lastpage.planning.planner import Planner
from lastpage.planning.small import AGAIN, Need
from lastpage.progress import Meter
from lastpage.query.interval import Interval, Relative
from lastpage.query.query import Query
from lastpage.sinks.destination import Destination
from lastpage.sinks.sink import Identity, LineSink, Pages, TableSink
from lastpage.tables.selection import EVERYTHING, Selection

if TYPE_CHECKING:  # JSON lines need no Arrow, so it is not loaded for them
    from lastpage.tables.build import Shredder

#: Writes a group into a sink; False where it has to come again when all slices are settled.
Write = Callable[[Group], bool]
#: Says what of an interval is read, given what is held.
Choose = Callable[[Planner, list[Range]], Choice]


@dataclass(frozen=True, slots=True)
class Extraction:
    """One query into one destination."""

    query: Query
    options: Options
    destination: Destination
    #: None: the selection that the destination was made with.
    selection: Selection | None
    goal: Goal
    client: Client
    disk: Disk
    meter: Meter
    #: Asks the API whose data it has.
    organization: Callable[[], str]
    #: For what another run has.
    waiting: Waiting
    #: What the summary counts from.
    baseline: Baseline
    #: Has the names that are shown beside ids; None where ids are enough.
    directory: Directory | None = None
    #: The single file that is made of its tables, if that is what the destination is.
    file: SingleFile | None = None
    #: Where it is told what is otherwise than it was held, if anywhere.
    changes: Changes | None = None
    #: What was found to be so.
    differences: Differences = field(default_factory=Differences)

    def run(self) -> Summary:
        """Fetch to the end, or to an error after which the same call goes on.

        Raises `UsageError`, `ApiError` and `DestinationError`.
        """
        with ExitStack() as stack:
            state = self.waiting.enter(stack, self.destination.held)
            if self.file:
                self.file.claim(state, self.query, self.organization)
            ledger = stack.enter_context(closing(Ledger(state, self.disk.seam)))
            if ledger.damaged:
                self.meter.note(
                    f"the ledger was damaged, and is {ledger.damaged} by now; what the destination "
                    "holds is there, and what a run had only begun is fetched anew",
                    of_run=False,
                )
            ledger.identify(filters=self.query.fingerprint)
            if unfinished := ledger.unfinished(self.goal.name):
                self.meter.told = ledger.told(unfinished)
            sink = self.waiting.enter(stack, lambda: self.destination.sink(state, self.disk))
            if not isinstance(sink, TableSink):
                return self._into_lines(sink, ledger)
            summary = self._into_tables(sink, ledger)
            return self.file.write(state, sink, summary) if self.file else summary

    def _into_tables(self, sink: TableSink, ledger: Ledger) -> Summary:
        from lastpage.extraction.ahead import Ahead  # noqa: PLC0415 - loads Arrow

        self.goal.check(list(chain(*sink.committed().values())), self.destination.text)
        identity, shredder = self._claim(sink, ledger)
        place = self.destination.text
        moving = Moving(sink, ledger, self.client, self.meter, place)
        self.differences.moved += moving.finish()
        damaged = sink.damaged()

        def choose(planner: Planner, held: Iterable[Range]) -> Choice:
            # A damaged day is not here.
            here = [
                replace(each, coverage="short") if each.day in damaged else each for each in held
            ]
            return self.goal.choose(planner, There(here, sink, ledger, moving.awaited))

        asked, main = self._begin(ledger, sink, self.query, choose, self.goal.name)
        runs = [*self._repairs(sink, ledger, damaged, asked, main)]
        if main is None:
            return self._summary(sink, runs, asked)
        shredder = self._with_names(sink, ledger, identity, shredder)

        def deliver(fetching: Fetching) -> None:
            replacing = Replacing(
                fetching,
                sink,
                place,
                shredder,
                self.differences,
                spares_same=self.goal.is_standing,
                changes=self.changes,
            )
            with closing(Ahead(sink.shredding, ledger.spool)) as fetching.ahead:
                self._deliver(fetching, sink, replacing.write)

        runs.append(main)
        for each in runs:
            deliver(each)
        # A run that was left unfinished ends here, also where it is short: else what is new would
        # wait for what is missing.
        if main.resumed and self.goal.is_outgrown(main.planner, main.run.interval):
            main.finish()
            self.meter.note(
                "the unfinished run is done; going on with what the command means by now"
            )
            asked, more = self._begin(ledger, sink, self.query, choose, self.goal.name)
            if more:
                runs.append(more)
                deliver(more)
        return self._summary(sink, runs, asked)

    def _claim(self, sink: TableSink, ledger: Ledger) -> tuple[Identity, Shredder]:
        """Make the destination ours, if it can be: as whose, and what makes its tables."""
        from lastpage.tables.build import Shredder  # noqa: PLC0415 - loads Arrow

        selection = self._selection(sink.known)
        if self.changes and selection.is_private:
            raise UsageError(
                "changes are whole records, with everything that --columns, --drop or --hash take "
                f"out of {self.destination.text}; leave out --changes"
            )
        shredder = Shredder.from_env(selection)
        identity = self._identity(sink, selection, shredder.key_print)
        ledger.identify(organization=identity.organization)
        sink.claim(identity, shredder)
        return identity, shredder

    def _with_names(
        self, sink: TableSink, ledger: Ledger, identity: Identity, shredder: Shredder
    ) -> Shredder:
        """The same with the organisation's names, where these are wanted; lists go to the sink.

        Only those that came: a list that could not be had today leaves yesterday's. They are there
        before the run ends: who gives the command again then has nothing left to do.
        """
        from lastpage.tables.derived import names_of  # noqa: PLC0415 - loads Arrow

        if not self.directory:
            return shredder
        remembered = Remembered(self.directory, ledger, self.client.server_now())
        known = remembered.lists() if self.goal.is_standing else None
        lists = known or remembered.read(shredder.selection.lists, self.meter.note)
        named = replace(shredder, names=names_of(lists))
        sink.claim(identity, named)
        if lists and not known:
            sink.refresh(named.names)
        return named

    def _repairs(
        self,
        sink: TableSink,
        ledger: Ledger,
        damaged: Mapping[date, str],
        asked: Interval,
        main: Fetching | None,
    ) -> Iterator[Fetching]:
        """Runs of damaged days, each of all hours that the day holds, before the main one.

        None for a day that this one reads whole anyway, and none for one that was not asked for.
        """
        for day, damage in damaged.items():
            held = reduce(Range.joined, sink.held(day)).interval
            found = f"{day} is damaged in {self.destination.text} ({damage})"
            if main is None or all(day != other for other, _ in asked.days()):
                self.meter.note(f"{found}; lastpage verify --repair reads it again")
            elif main.resumed or held.clip(asked) != held:
                self.meter.note(f"{found}; it is read again, whole")
                query = replace(self.query, interval=held)
                whole = Fetch(held, self.options.paginate, refresh=True)
                _, repair = self._begin(
                    ledger, sink, query, lambda each, _: Choice.whole(each), whole.name
                )
                if repair:
                    yield repair

    def _into_lines(self, sink: LineSink, ledger: Ledger) -> Summary:
        identity = self._identity(sink, self._selection(sink.known))
        ledger.identify(organization=identity.organization)
        sink.claim(identity)
        if recorded := self._recorded(sink, ledger):
            return self._summary(sink, [], recorded)

        def choose(planner: Planner, held: Iterable[Range]) -> Choice:
            choice = Choice.whole(planner)
            refuse_overlap(held, choice.interval, self.destination.text)
            return choice

        def write(group: Group) -> bool:
            for day in group.days:
                pages = self._counted(undelivered(group, page) for page in group.pages(day))
                ranges = group.ranges(day)
                # Of what was delivered, days may be lost by now: these are new again.
                held = sink.held(day)
                is_there = any(new.interval.clip(old.interval) for new in ranges for old in held)
                is_late = group.delivered is not None and is_there
                (sink.append_late if is_late else sink.append)(ranges, pages)
            return True

        def held_ids(interval: Interval) -> frozenset[bytes] | None:
            held = chain(*sink.committed().values())
            if not any(each.interval.clip(interval) for each in held):
                return None
            return frozenset(map(digest, sink.ids()))

        asked, run = self._begin(ledger, sink, self.query, choose, self.goal.name, held_ids)
        assert run, "all of it is chosen"
        self._deliver(run, sink, write)
        return self._summary(sink, [run], asked)

    def _counted(self, pages: Pages) -> Pages:
        for page in pages:
            self.differences.new += len(page)
            yield page

    def _recorded(self, sink: LineSink, ledger: Ledger) -> Interval | None:
        """What was asked for, where a run that ended has recorded all of it, and none as short.

        It may have been stopped after that, and before anybody was told.
        """
        asked = self.query.interval
        if isinstance(asked, Relative) or ledger.unfinished(self.goal.name):
            return None
        ranges = exactly(chain(*sink.committed().values()), asked)
        if not ranges or any(each.coverage == "short" for each in ranges):
            return None
        self.meter.note(
            f"{self.destination.text} has recorded all of it, as "
            f"{reduce(Range.joined, ranges).coverage}, by an earlier run; lines are not replaced, "
            "so nothing was fetched",
            of_run=False,
        )
        return asked

    def _selection(self, known: Identity | None) -> Selection:
        """What was given; else what the destination was made with; else everything."""
        if self.selection is None and known:
            return Selection.load(known.selection)
        return self.selection or EVERYTHING

    def _identity(
        self, sink: TableSink | LineSink, selection: Selection, key_print: str = ""
    ) -> Identity:
        """Whose data the destination is to hold; raises `UsageError` where it has another's.

        What can be refused without asking the API whose data it has, is refused first.
        """
        assumed = sink.known.organization if sink.known else ""
        identity = Identity(assumed, self.query.fingerprint, selection.dump(), key_print)
        identity.check(sink.known, self.destination.text)
        identity = replace(identity, organization=self.organization())
        identity.check(sink.known, self.destination.text)
        return identity

    def _begin(
        self,
        ledger: Ledger,
        sink: TableSink | LineSink,
        query: Query,
        choose: Choose,
        command: str,
        held_ids: HeldIds = lambda _: None,
    ) -> tuple[Interval, Fetching | None]:
        """What a query means, and the run that reads it: one that was not finished, or a new one.

        None where nothing of it is to be read.
        """
        mark, how = JobWatermark(self.client), self.options
        held = list(chain(*sink.committed().values()))
        need = Need(
            content=self._selection(sink.known).needs_jobs,
            sync=self.goal.is_standing,
            file=self.destination.single is not None,
            held=bool(held),
        )
        planner = Planner(query, self.client, mark, self.meter, how.paginate, need)
        if run := Fetching.resume(command, planner, ledger, how, held, held_ids):
            return run.run.interval, run
        choice = choose(planner, held)
        if not choice.parts:
            return choice.interval, None
        return choice.interval, Fetching.begin(
            command, planner, ledger, how, choice, held, held_ids
        )

    def _deliver(self, fetching: Fetching, sink: TableSink | LineSink, write: Write) -> None:
        """Run to the end, day by day into a sink."""
        self.meter.keep_notes(partial(fetching.ledger.tell, fetching.run))
        for group in fetching.groups():
            if write(group):
                fetching.commit(group, list(chain(*map(sink.held, group.days))))
            else:
                fetching.postpone()
        if any(planned.slice.is_quick for planned in fetching.slices):
            self.meter.note(AGAIN)
        fetching.check_written(list(chain(*sink.committed().values())))
        if worst_of(fetching.verdicts()) != "short" or self.goal.ends_short:
            fetching.finish()

    def _summary(
        self, sink: TableSink | LineSink, runs: Sequence[Fetching], asked: Interval
    ) -> Summary:
        """What was done. A command that is given again and again tells of what it read."""
        read = [part for run in runs for part in run.read] if self.goal.is_standing else [asked]
        return told(
            sink,
            runs,
            asked,
            read,
            self.differences,
            self.client,
            self.baseline,
            self.meter,
            self.destination,
        )
