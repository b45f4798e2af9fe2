"""Destinations that are in no folder: what stands for one on a server, or in an object store."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

from tests import objects, postgres

KINDS: dict[str, ModuleType] = {postgres.NAME: postgres, objects.NAME: objects}


def there(place: Path) -> Any:
    """A destination by its path, whose last part says which kind it is: what stands for its folder, or the path."""
    kind = KINDS.get(place.name)
    return kind.url(place.parent) if kind else place


def everything(place: Path) -> Any:
    """All tables of a destination that is in no folder; None of any other."""
    kind = KINDS.get(place.name)
    return kind.everything(place.parent) if kind else None


def copied(source: Path, target: Path) -> Path:
    """A copy of a folder, and of what stands for it and for those in it."""
    shutil.copytree(source, target)
    for kind in KINDS.values():
        for folder in list(kind.FOLDERS.values()):
            if folder == source or source in folder.parents:
                kind.clone(folder, target / folder.relative_to(source))
    return target
