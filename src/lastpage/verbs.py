"""The verbs for one call: functions named as `Cloud`'s, with credentials from the environment.

Each takes what the method takes, returns what it returns, and raises what it raises (`cloud.py`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

from lastpage.checkup import Finding
from lastpage.cloud import Cloud
from lastpage.coverage.verification import Verification
from lastpage.iterating import Conversation
from lastpage.keywords import Asked, Landed, Length, Since, Wanted, When
from lastpage.planning.slices import Slice
from lastpage.sinks.destination import Format

if TYPE_CHECKING:
    from lastpage.extraction.summary import Summary


def doctor() -> list[Finding]:
    """`Cloud.from_env().doctor()`: check whether a fetch can work here."""
    return Cloud.from_env().doctor()


def plan(
    interval: When,
    *,
    slices: int | None = None,
    longest: Length | None = None,
    processes: int | None = None,
    **keywords: Unpack[Wanted],
) -> list[Slice]:
    """`Cloud.from_env().plan(…)`: the slices that a fetch would take, or smaller ones."""
    return Cloud.from_env().plan(
        interval, slices=slices, longest=longest, processes=processes, **keywords
    )


def fetch(
    interval: When,
    to: str | os.PathLike[str] = "conversations",
    *,
    format: Format | None = None,  # noqa: A002 - the option's name
    refresh: bool = False,
    accept_removals: bool = False,
    wait: Length | None = None,
    state: str | os.PathLike[str] | None = None,
    **keywords: Unpack[Landed],
) -> Summary:
    """`Cloud.from_env().fetch(…)`: an interval into a destination; it goes on after a crash."""
    return Cloud.from_env().fetch(
        interval,
        to,
        format=format,
        refresh=refresh,
        accept_removals=accept_removals,
        wait=wait,
        state=state,
        **keywords,
    )


def sync(
    to: str | os.PathLike[str] = "conversations",
    *,
    since: Since = None,
    settle: Sequence[int] = (3, 7, 30),
    sweep: int = 0,
    accept_removals: bool = False,
    changes: str | os.PathLike[str] | None = None,
    wait: Length | None = None,
    format: Format | None = None,  # noqa: A002 - the option's name
    state: str | os.PathLike[str] | None = None,
    **keywords: Unpack[Wanted],
) -> Summary:
    """`Cloud.from_env().sync(…)`: keep a destination what the API would answer."""
    return Cloud.from_env().sync(
        to,
        since=since,
        settle=settle,
        sweep=sweep,
        accept_removals=accept_removals,
        changes=changes,
        wait=wait,
        format=format,
        state=state,
        **keywords,
    )


def verify(
    to: str | os.PathLike[str] = "conversations",
    *,
    content: bool = False,
    repair: bool = False,
    state: str | os.PathLike[str] | None = None,
) -> Verification:
    """`Cloud.from_env().verify(…)`: a destination against what the API counts now."""
    return Cloud.from_env().verify(to, content=content, repair=repair, state=state)


def fetch_all(interval: When, **keywords: Unpack[Asked]) -> list[Conversation]:
    """`Cloud.from_env().fetch_all(…)`: the conversations of a small interval as a list of dicts."""
    return Cloud.from_env().fetch_all(interval, **keywords)
