"""What of a reading is otherwise than it was held: counted conversation by conversation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Differences:
    """How many conversations were found to be otherwise than they were held."""

    new: int = 0
    changed: int = 0
    closed: int = 0
    unchanged: int = 0
    moved: int = 0
    removed: int = 0
