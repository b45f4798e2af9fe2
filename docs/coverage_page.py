"""The rules of coverage.md, drawn from the files that apply them: the tables at their tops.

A table of a docstring is indented, has a line of dashes under its head, and ends at an empty line.
A line with an empty cell goes on with the row before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType

from lastpage.coverage import ranges, replacement, tally, verification, weighing
from lastpage.extraction import otherwise
from lastpage.planning import due as planning_due
from lastpage.walks import pages

RULE = re.compile(r"^ +-+(  +-+)+$")


def evidence() -> str:
    """Which counts there are, and what is certain of them."""
    return _table(weighing, 0)


def readings() -> str:
    """When a slice is read again, and until when."""
    return _table(tally, 0)


def verdict() -> str:
    """What did not come, and the coverage that follows."""
    return _table(tally, 1)


def gaps() -> str:
    """The thresholds."""
    rows = [
        ["coverage", "rows or share, the larger", "and never more than", "of 100", "of 100,000"],
        *(
            [
                f"`{name}`",
                f"{gap.rows} or {gap.share:.1%}",
                f"{gap.most:.0%}",
                str(max(gap.rows, int(100 * gap.share))),
                f"{max(gap.rows, int(100_000 * gap.share)):,}",
            ]
            for name, gap in weighing.GAPS.items()
        ),
    ]
    return _drawn(rows)


def signs() -> str:
    """How page numbers end."""
    return _table(pages, 0)


def other_way() -> str:
    """What becomes of a job that lacks rows."""
    return _table(otherwise, 0)


def due() -> str:
    """Which parts of an interval are due."""
    return _table(planning_due, 0)


def versions() -> str:
    """Which of two versions of the same hours stays."""
    return _table(ranges, 0)


def outcomes() -> str:
    """What is written of two versions, and what is said of them."""
    return _table(ranges, 1)


def missing() -> str:
    """What becomes of rows that did not come again, by how many there are."""
    return _table(replacement, 0)


def by_id() -> str:
    """The same, one by one."""
    return _table(replacement, 1)


def proofs() -> str:
    """What `verify` finds of a day."""
    return _table(verification, 0)


def second_reading() -> str:
    """What becomes of that after a second reading."""
    return _table(verification, 1)


def _table(module: ModuleType, number: int) -> str:
    return _drawn(list(_tables(module.__doc__ or ""))[number])


def _tables(text: str) -> Iterator[list[list[str]]]:
    lines = text.splitlines()
    for place, line in enumerate(lines):
        if RULE.match(line):
            starts = [found.start() for found in re.finditer(r"(?<=  )-", f"  {line}")]
            starts = [start - 2 for start in starts]
            rows: list[list[str]] = []
            for row in (lines[place - 1], *lines[place + 1 :]):
                if not row.strip():
                    break
                ends = [*starts[1:], None]
                cells = [row[start:end].strip() for start, end in zip(starts, ends, strict=True)]
                if all(cells) or not rows:
                    rows.append(cells)
                else:
                    rows[-1] = [
                        f"{one} {more}".strip() for one, more in zip(rows[-1], cells, strict=True)
                    ]
            yield rows


def _drawn(rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])
