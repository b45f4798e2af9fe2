"""Which rows leave a destination when hours that it holds are read again. Pure.

That a reading lacks a row is no evidence that the row is gone: an index may be out for a while, a
role may lose a division, old data may reach the end of their retention. So new and changed rows are
always written, but a row leaves only on evidence of its own. Of the rows that are there and did not
come again, in the hours of a day that are written:

    what did not come again                      then
    -------------------------------------------  -----------------------------------------------
    more than half of the day's rows             all stay, and none is asked for; the reading
                                                 counts as `short`: exit code 3
    more than 10, and more than 1 % of the day   the same
    so many, but removals are accepted           each is asked for by its id, however many they are,
                                                 and once is enough
    fewer                                        each is asked for by its id

    the API answers                              finding     then the row
    -------------------------------------------  ----------  -----------------------------------
    it does not exist (404, asked for it alone)  gone        leaves, if that was so an hour or
                                                             more ago as well; else it stays
    it exists, and the filters match it no more  unmatched   the same
    it starts at another time, and is there      moved       leaves
    it starts at another time, and this run has  moving      stays until it is written there, and
    read it there                                            leaves by the same change
    it starts at another day, in hours that are  awaited     stays until it is written there, as
    held, and is not there                                   if it were moving; a sync reads both
                                                             days
    … and was awaited before, or starts in       stranded    stays
    hours that are not held
    it exists                                    there       stays
    nothing, or it was not asked                 unanswered  stays, as does what is remembered

`gone` and `unmatched` are remembered, with the time of the first answer (`Absence`), and so are
those that are moving; any other answer, or the row itself when it comes again, forgets it. To lose
that memory costs another hour. What this run has read of other days is not missing from one of
them, when it is asked whether too much is.

A day of which a table or rows are missing in the destination is damaged. It is not patched: other
rows would lack what belongs to them, and nobody could see it. It is written anew, in all of its
tables, or not at all:

    the first that fits                                     then
    ------------------------------------------------------  --------------------------------------
    not all of its hours were read in one go                nothing of it is changed, and the
    a reading of them is not complete, or is older than     reading counts as `short`: exit code 3
    what the same route has brought of them since
    a row that is there did not come, and does not leave
    by the rules above
    not all rows are there and can be read, and fewer came
    than it had, beyond the counts' error
    a job had brought attributes, and this reading has none
    else                                                    it is written anew

Removals are accepted by `--accept-removals`, by a person who has looked. Then what exists stays as
it does elsewhere, and what is `gone` or `unmatched` leaves at once.

Half and 1 %: rows are deleted one by one, or because one person asked for it; what takes more of a
day at once is a role, a division or a retention, and to ask for thousands of ids would only confirm
it. The number 10 keeps small days out of the second condition. An hour: an index that is out is
back by then, and a run that is started again at once is no second opinion.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from lastpage.coverage.ranges import Range
from lastpage.coverage.weighing import weigh
from lastpage.ledger.records import Absence
from lastpage.query.interval import minus

Finding = Literal[
    "gone", "unmatched", "moved", "moving", "awaited", "stranded", "there", "unanswered"
]
#: The findings that have to be made twice, so many seconds apart.
REMEMBERED: frozenset[Finding] = frozenset({"gone", "unmatched"})
APART_S = 3_600.0
#: Rows of a day that may be missing before their share of it matters.
MASS_ROWS = 10


@dataclass(frozen=True, slots=True)
class Ruling:
    """What else a sink has to know when it replaces hours of a day."""

    #: The rows that stay as they are, whether they come or not: their starts, by id.
    staying: Mapping[str, datetime] = field(default_factory=dict)
    #: The starts of conversations that exist and are not there: what was said of these hours was
    #: wrong.
    disproved: Sequence[datetime] = ()
    #: When these start, whatever comes: what comes of them with another start is not written.
    starts: Mapping[str, datetime] = field(default_factory=dict)
    #: The rows that leave, wherever in the day they start.
    leaving: Collection[str] = ()
    #: Nothing that is there stays: the day is damaged, and all of it comes.
    anew: bool = False


def is_mass(missing: int, day: int) -> bool:
    """Whether so many of a day's rows are too many to be gone one by one."""
    return missing * 2 > day or (missing > MASS_ROWS and missing * 100 > day)


def hindrance(
    held: Sequence[Range], new: Sequence[Range], staying: int, *, is_cut: bool = False
) -> str:
    """Why a damaged day is not written anew, as a sentence goes on; empty where nothing hinders.

    `held` is what the day has recorded, `new` what was read, `staying` how many of the rows that
    are there do not leave; `is_cut` says that some of its rows are not there, or cannot be read.
    """
    read = [each.interval for each in new]
    if any(minus(each.interval, read) for each in held):
        return "not all of its hours were read; verify --content --repair reads them"
    if not all(each.is_complete for each in new):
        return "the reading was not complete"
    if any(_is_older(one, other) for one in new for other in held):
        return "it was read again since; the next run reads it anew"
    if staying:
        return f"{staying:,} of its conversations did not come again"
    had, came = (sum(each.conversations for each in ranges) for ranges in (held, new))
    if is_cut and weigh(had, came) != "complete":
        return f"{came:,} conversations came, and it had {had:,}, not all of which are there"
    if any(each.has_attributes for each in held) and not all(each.has_attributes for each in new):
        return "page numbers bring no participant attributes"
    return ""


def _is_older(new: Range, old: Range) -> bool:
    """Whether a run was stopped before it wrote this, and went on after another had read again."""
    is_same = new.route == old.route and new.interval.clip(old.interval) is not None
    return is_same and new.as_of < old.as_of


def ruled(
    finding: Finding, before: Absence | None, now: float, *, at_once: bool = False
) -> tuple[bool, Absence | None]:
    """Whether a row leaves, and what is remembered of it; `now` is in unix seconds.

    `before` is what was remembered. A clock that went back begins the hour anew. `at_once`: that
    so many rows are gone was accepted.
    """
    if finding == "moved" or (at_once and finding in REMEMBERED):
        return True, None
    if finding in ("moving", "awaited"):
        return False, Absence("moving", now)
    if finding == "unanswered":
        return False, before
    if finding not in REMEMBERED:
        return False, None
    if before is None or before.finding != finding or before.since > now:
        return False, Absence(finding, now)
    return (True, None) if now - before.since >= APART_S else (False, before)
