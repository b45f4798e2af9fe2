"""`--debug FILE`: a trace in JSON lines, opened before anything is sent, written as it happens; facts of `trace.py` alone."""

from __future__ import annotations

import inspect
import logging
import os
import platform
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import fields, is_dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from lastpage.errors import ApiError, UsageError
from lastpage.query.environment import DEFAULT, ENVIRONMENT, ID, REGIONS, SECRET, environment
from lastpage.tables.selection import HASH_KEY
from lastpage.trace import place, safe, tell
from lastpage.version import __version__

#: Every trace begins so; a file that does not is somebody else's.
HEAD = b'{"event":"start",'
#: Told by whether they are set, not by what they hold.
VARIABLES = (
    ID, SECRET, ENVIRONMENT, HASH_KEY, "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy",
    "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
CAUSES_MAX = 5


@contextmanager
def debugging(path: Path | None, verb: str, bound: inspect.BoundArguments) -> Iterator[None]:
    """Write what the block tells to a file; UsageError where there is no writing to it."""
    if path is None:
        yield
        return
    if path.resolve() == _destination(bound):
        raise UsageError(f"--debug and --to are one file, {path}; the trace needs another")
    with opened(path) as file:
        handler, logger = _Handler(file), logging.getLogger("lastpage")
        before = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
        try:
            tell("start", verb=verb, options=list(_options(bound.arguments)), **_machine())
            yield
        finally:
            logger.setLevel(before)
            logger.removeHandler(handler)
            handler.close()


def tell_end(code: int, problem: BaseException | None = None) -> None:
    """How it ended; an error by its class and its place, not by its sentence."""
    facts: dict[str, Any] = {"exit_code": code}
    if problem is not None:
        facts |= {"error": type(problem).__name__, "causes": _causes(problem), "frames": frames(problem)}
    if isinstance(problem, ApiError):
        names = ("endpoint", "status", "code", "correlation_id")
        facts |= {name: getattr(problem, name) for name in names}
    tell("end", **facts)


def frames(problem: BaseException) -> list[str]:
    """Where it came from, the innermost last: lines of code, and nothing of what was in them."""
    return [place(frame, line) for frame, line in traceback.walk_tb(problem.__traceback__)]


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, emptied, for its owner alone; only a trace or nothing may be there before."""
    try:
        if path.exists() and not (path.is_file() and _is_trace(path)):
            raise UsageError(f"--debug {path} is there, and is no trace of lastpage; give another name")
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        file = os.fdopen(number, "wb", buffering=0)
        path.chmod(0o600)
    except OSError as problem:
        raise UsageError(
            f"cannot write the trace to {path}: {problem.strerror}; give another place to --debug"
        ) from None
    with file:
        yield file


def _is_trace(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEAD)) in (b"", HEAD)


class _Handler(logging.Handler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(logging.DEBUG)
        self._file: BinaryIO | None = file
        self._began: float | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """One line; whoever wrote the record, only what may be told is in it."""
        event = record.name.removeprefix("lastpage.")
        facts = safe(event, getattr(record, "facts", {}))
        if self._file is None or not facts:
            return
        self._began = self._began or record.created
        seconds = round(record.created - self._began, 3)
        try:
            self._file.write(msgspec.json.encode({"event": event, "at_s": seconds, **facts}) + b"\n")
        except OSError as problem:
            # A full disk must not end the run that the trace is about.
            self._file = None
            sys.stderr.write(f"note: the trace ends here, it cannot be written any further: {problem.strerror}\n")

    def close(self) -> None:
        """Threads that come late find nothing to write to."""
        with self.lock or nullcontext():
            self._file = None
        super().close()


def _destination(bound: inspect.BoundArguments) -> Path | None:
    """Where a verb that writes will write, said or by default."""
    parameter = bound.signature.parameters.get("to")
    to = bound.arguments.get("to", parameter.default) if parameter else "-"
    return None if to == "-" else Path(to).resolve()


def _options(arguments: Mapping[str, Any]) -> Iterator[str]:
    """The names of what was given; never its value."""
    for name, value in arguments.items():
        if is_dataclass(value):
            kind: Any = type(value)
            plain = kind()
            yield from (each.name for each in fields(value) if getattr(value, each.name) != getattr(plain, each.name))
        else:
            yield name


def _machine() -> dict[str, Any]:
    return {
        "lastpage": __version__,
        "python": platform.python_version(),
        "system": platform.system(),
        "machine": platform.machine(),
        "packages": dict(_packages()),
        "variables": [name for name in VARIABLES if os.environ.get(name)],
        "region": _region(),
    }


def _packages() -> Iterator[tuple[str, str]]:
    try:
        needed = [each for each in requires("lastpage") or () if "extra ==" not in each]
    except PackageNotFoundError:
        return
    for name in (re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in needed):
        yield name, version(name)


def _region() -> str:
    """One of the vendor's regions, or that it is none; nobody's own host."""
    try:
        name = environment(os.environ.get(ENVIRONMENT) or DEFAULT).name
    except UsageError:
        return "unreadable"
    return name if name in REGIONS else "another"


def _causes(problem: BaseException) -> list[str]:
    names: list[str] = []
    cause = problem.__cause__ or problem.__context__
    while cause is not None and len(names) < CAUSES_MAX:
        names.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return names
