"""Small extracts: read at once, by page numbers, though a job could have them. Pure.

A job takes seconds at least, however little it brings. So what jobs reach is read by page numbers
where all of this is so:

    what has to be so                                   since else
    --------------------------------------------------  ------------------------------------------
    no way was asked for (`--paginate`)                 that way is taken
    nothing is kept that only jobs bring: attributes,   it would be missing
    or whole records (`Selection.needs_jobs`)
    it is not for a sync                                a sync reads each day by job in the end
    it is not for a single file, such as x.csv          a file is handed on, and not made twice
    the destination holds nothing yet                   page numbers do not take the place of what
                                                        a job has read; and see below
    it is a week at most, and FEW_ROWS conversations    a job takes fewer requests
    at most are counted in it
    at least one is                                     an index that is out counts none, too

Pages and counts come from one index; a job has its rows from elsewhere. So whatever does not agree
is read by job after all, at once (extraction/settling.py). And what page numbers have read so is
provisional: the destination holds it by then, so the same command again reads it by job.
"""

from __future__ import annotations

from dataclasses import dataclass

from lastpage.query.interval import DAY, Interval

#: Conversations: their ten pages are about as many requests as a job takes around its own.
FEW_ROWS = 1_000
#: As long as a count may be.
SHORT = 7 * DAY
#: Why page numbers read what a job could; the ledger knows such slices by it.
REASON = "few enough to be read at once, and what is kept needs no job"
#: What is told where they have.
AGAIN = (
    "what a job could read, page numbers have read at once, so it is provisional; "
    "the same command again reads it by job"
)


@dataclass(frozen=True, slots=True)
class Need:
    """What asks for jobs, however small it is; by default whole records are wanted."""

    #: Something is kept that only jobs bring.
    content: bool = True
    #: It is for a sync.
    sync: bool = False
    #: It is for a single file.
    file: bool = False
    #: The destination holds something.
    held: bool = False

    @property
    def is_there(self) -> bool:
        """Whether anything does."""
        return self.content or self.sync or self.file or self.held


#: Whole records.
WHOLE = Need()


def is_small(interval: Interval, count: int) -> bool:
    """Whether so many conversations of an interval are few enough to be read at once."""
    return interval.length <= SHORT and 1 <= count <= FEW_ROWS
