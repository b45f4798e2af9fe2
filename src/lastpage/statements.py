"""SQL that stands in a `.sql` file of its own, each statement under a line `-- name: …`."""

from __future__ import annotations

import re
from importlib import resources


def named(package: str, file: str) -> dict[str, str]:
    """The statements of a file in a package, by name."""
    text = resources.files(package).joinpath(file).read_text("utf-8")
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))
