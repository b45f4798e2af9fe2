"""What a day holds, recorded beside a file of conversations that has no place for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import msgspec

from lastpage.sinks.intact import footprint
from lastpage.sinks.recorded import facts_file
from lastpage.tables.schema import CONVERSATIONS


class Beside:
    """A file that is being written; what its day holds is recorded beside it."""

    _path: Path
    _file: Any

    def end(self) -> None:
        """Nothing is held back."""

    def describe(self, facts: dict[str, Any]) -> None:
        """Close the file, so that it is whole, and record of it, too, what its day holds."""
        self.close()
        mine = facts["tables"][CONVERSATIONS]
        mine |= footprint(self._path, mine["rows"])
        facts_file(self._path).write_bytes(msgspec.json.encode(facts))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def close(self) -> None:
        """Whatever was written is in the file; it may be closed already."""
        self._file.close()
