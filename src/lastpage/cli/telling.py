"""What is told on stderr beside the result: as text for people, as one JSON object a line for machines."""

from __future__ import annotations

import itertools
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cyclopts import Group, Parameter

TOLD = Group("What is told", sort_key=4)
#: The events of a trace that `--verbose` tells, too.
REQUESTS = "lastpage.request"


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How much is told, and in which form."""

    quiet: Annotated[bool, Parameter(group=TOLD, negative="", alias="-q")] = False
    "No progress; notes come with the summary."
    verbose: Annotated[bool, Parameter(group=TOLD, negative="", alias="-v")] = False
    "Every request, with status, time and correlation id."
    debug: Annotated[Path | None, Parameter(group=TOLD)] = None
    "Write a trace for a bug report to this file; nothing secret or personal is in it."
    log_format: Annotated[Literal["text", "json"], Parameter(group=TOLD)] = "text"
    "Lines for people, or one JSON object a line."

    @property
    def as_json(self) -> bool:
        return self.log_format == "json"

    def tell(self, event: str, text: str, **facts: Any) -> None:
        """One line on stderr."""
        sys.stderr.write(line(event, text, facts) if self.as_json else f"{text}\n")
        sys.stderr.flush()

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Show the requests while the block runs, if that was asked for."""
        logger = logging.getLogger(REQUESTS)
        if not self.verbose:
            yield
            return
        handler, before = _Handler(self), logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            logger.removeHandler(handler)
            logger.setLevel(before)


#: What a verb takes when nothing is typed.
PLAINLY = Telling()


class _Handler(logging.Handler):
    def __init__(self, telling: Telling) -> None:
        super().__init__(logging.DEBUG)
        self._telling = telling

    def emit(self, record: logging.LogRecord) -> None:
        facts: dict[str, Any] = getattr(record, "facts", {})
        self._telling.tell("request", _request(**facts), **facts)


def _request(
    endpoint: str = "", status: int | str = "", seconds: float = 0.0, tries: int = 1, correlation_id: str = "", **_: Any
) -> str:
    return f"{endpoint}: {status} in {seconds:.3f} s, try {tries}, {correlation_id or 'no correlation id'}"


def line(event: str, text: str, facts: dict[str, Any]) -> str:
    return msgspec.json.encode({"event": event, "text": text, **facts}).decode() + "\n"


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether lines of JSON were asked for, as far as can be seen before the arguments are understood."""
    return "--log-format=json" in arguments or any(
        pair == ("--log-format", "json") for pair in itertools.pairwise(arguments)
    )
