"""What people do who read a sentence about a damaged destination."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from lastpage import LastpageError


def do_as_told(problem: LastpageError) -> None:
    """Remove what the sentence says is to be removed."""
    told = str(problem)
    assert problem.exit_code == 6, told
    assert "fault of lastpage" not in told
    assert "cannot write" not in told
    assert "make room" not in told
    found = re.search(r"remove (.+?)(?: and run the same command again|$)", told)
    assert found, told
    first = re.search(r"/\S+", told)
    assert first, told
    for name in [first[0]] if found[1] == "it" else found[1].split(" and "):
        shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()
