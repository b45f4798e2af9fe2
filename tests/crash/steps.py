"""Steps that can be stopped at: every seam of the disk and the network is counted, and one of them, or all from one on, fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import duckdb

from lastpage.api.messages import Answer, Call, TransportError
from lastpage.files import Disk
from tests.elsewhere import copied
from tests.inprocess import InProcess


class Crash(BaseException):
    """The process is gone: nothing of it may catch this."""


@dataclass
class Steps:
    """Counts steps and stops at number `at`: by a crash, by one failure, or by failing for ever after."""

    at: int = 0
    how: Literal["crash", "once", "for ever"] = "crash"
    names: list[str] = field(default_factory=list)
    #: A folder of which a copy is kept beside it, as it is when the crash comes: what the process does on its way out is not in it.
    folder: Path | None = None

    def __call__(self, name: str) -> None:
        self.names.append(name)
        number = len(self.names)
        if not self.at or number < self.at or (number > self.at and self.how == "once"):
            return
        if self.how == "crash":
            if self.folder and self.folder.exists() and not self.left.exists():
                copied(self.folder, self.left)
            raise Crash(name)
        if name.startswith("database"):
            raise duckdb.IOException("Could not write all bytes to file: No space left on device")
        if name.startswith("ledger"):
            raise sqlite3.OperationalError("database or disk is full")
        if name == "send":
            raise TransportError("reset", "the wire is cut")
        raise OSError(28, "No space left on device")

    @property
    def left(self) -> Path:
        """What the crash left."""
        assert self.folder
        return self.folder.with_name(f"{self.folder.name}-left")

    @property
    def reached(self) -> bool:
        return bool(self.at) and len(self.names) >= self.at

    @property
    def disk(self) -> Disk:
        return Disk(self)


@dataclass
class Stepping(InProcess):
    """The sandbox, with a step before and after each request: the answer may be lost as well as the question."""

    steps: Steps

    def send(self, base: str, call: Call, headers: Mapping[str, str]) -> Answer:
        self.steps("send")
        answer = super().send(base, call, headers)
        self.steps("receive" if self.steps.how == "crash" else "send")
        return answer
