"""What a slice of a plan was planned with: enough to read it in another process as it was meant.

What was looked up, asked or told for a plan is in it, so nothing is asked twice, and nothing can
be told otherwise. It holds no secret, and can be pickled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lastpage.planning.slices import Horizon, Paginate
from lastpage.query.query import Query


@dataclass(frozen=True, slots=True)
class Terms:
    """The same for every slice of a plan."""

    #: The interval that was planned, by the server's clock, and filters; names are ids in them.
    query: Query
    #: How far each route reached.
    horizon: Horizon
    #: Whose data it is: the organisation's id, as a destination has it.
    organization: str
    paginate: Paginate = "auto"
    page_size: int | None = None
    #: The tables and columns that were chosen (`Selection.dump`).
    kept: str = "{}"
    #: The keywords that it was planned with, in one spelling (`keywords.as_given`).
    given: Mapping[str, Any] = field(default_factory=dict)
    #: What tells the key of its hashes from another one; empty where nothing is hashed.
    key_print: str = ""
    #: How many processes read slices at once; the allowance is divided among them.
    processes: int = 1
    #: What they may take of it together; None where that is all.
    requests_per_minute: float | None = None
