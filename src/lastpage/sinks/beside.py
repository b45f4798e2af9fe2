"""What a day holds, recorded beside a file of conversations that has no place for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from lastpage.sinks.intact import footprint
from lastpage.sinks.recorded import facts_file
from lastpage.tables.schema import CONVERSATIONS


def write_facts(path: Path, facts: dict[str, Any]) -> None:
    """Record the facts beside a file that is closed: it is whole, so they tell of it as well."""
    mine = facts["tables"][CONVERSATIONS]
    mine |= footprint(path, mine["rows"])
    facts_file(path).write_bytes(msgspec.json.encode(facts))
