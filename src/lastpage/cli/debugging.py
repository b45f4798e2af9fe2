"""`--debug FILE`: a trace in JSON lines, opened before anything is sent, written as things happen.

What may get into it, and why no more, stands in `trace.py`.
"""

from __future__ import annotations

import inspect
import logging
import os
import platform
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import fields, is_dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from lastpage.errors import ApiError, UsageError
from lastpage.query.environment import DEFAULT, ENVIRONMENT, ID, REGIONS, SECRET
from lastpage.trace import code_line, log_event, safe
from lastpage.version import __version__

#: Every trace begins with this. A file that begins otherwise is left alone.
HEAD = b'{"event":"start",'
#: A trace has the names of those that are set, never their values.
VARIABLES = (
    ID, SECRET, ENVIRONMENT, "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY",
    "all_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
CAUSES_MAX = 5


@contextmanager
def debugging(path: Path | None, verb: str, bound: inspect.BoundArguments) -> Iterator[None]:
    """Write the events of the block to the file; raises `UsageError` where it cannot be used."""
    if path is None:
        yield
        return
    parameter = bound.signature.parameters.get("to")
    to = bound.arguments.get("to", parameter.default) if parameter else "-"
    if to != "-" and path.resolve() == Path(to).resolve():
        raise UsageError(f"--debug and --to name the same file, {path}; give --debug another")
    logger, writer = logging.getLogger("lastpage"), Writer(_opened(path))
    before = logger.level
    logger.addHandler(writer)
    logger.setLevel(logging.DEBUG)
    try:
        log_event("start", verb=verb, options=list(_options(bound.arguments)), **_machine())
        yield
    finally:
        logger.setLevel(before)
        logger.removeHandler(writer)
        writer.close()


def _opened(path: Path) -> BinaryIO:
    """The emptied file, readable by its owner alone; raises `UsageError` where that cannot be."""
    try:
        if path.exists() and not (path.is_file() and _is_trace(path)):
            raise UsageError(f"--debug {path} exists and is not a trace; give another name")
        path.touch(0o600)
        path.chmod(0o600)
        return path.open("wb", buffering=0)
    except OSError as problem:
        why = f"cannot write the trace to {path}: {problem.strerror}"
        raise UsageError(f"{why}; give --debug another place") from None


def _is_trace(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(HEAD)) in (b"", HEAD)


class Writer(logging.Handler):
    """Writes each event as a line of JSON."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def emit(self, record: logging.LogRecord) -> None:
        event = record.name.removeprefix("lastpage.")
        facts = safe(event, getattr(record, "facts", {}))
        if not facts or self._file.closed:
            return
        at_s = round(record.relativeCreated / 1000, 3)
        try:
            self._file.write(msgspec.json.encode({"event": event, "at_s": at_s, **facts}) + b"\n")
        except OSError as problem:
            # A full disk must not end the run that the trace is about.
            self.close()
            why = f"it cannot be written: {problem.strerror}"
            sys.stderr.write(f"note: the trace ends here, {why}\n")

    def close(self) -> None:
        """Close the file; a thread that logs something later finds it closed."""
        with self.lock or nullcontext(), suppress(OSError):
            self._file.close()
        super().close()


def log_end(code: int, problem: BaseException | None = None) -> None:
    """Log how a verb ended; of an error its class and its lines of code, not its sentence."""
    facts: dict[str, Any] = vars(problem) if isinstance(problem, ApiError) else {}
    if problem is not None:
        error, *causes = _classes(problem)
        facts = {**facts, "error": error, "causes": causes, "frames": frames(problem)}
    log_event("end", exit_code=code, **facts)


def _classes(problem: BaseException | None) -> list[str]:
    """The class of an error, and the classes of what caused it."""
    names: list[str] = []
    while problem is not None and len(names) <= CAUSES_MAX:
        names.append(type(problem).__name__)
        problem = problem.__cause__ or problem.__context__
    return names


def frames(problem: BaseException) -> list[str]:
    """The lines of code that an error came through; the last one raised it."""
    return [code_line(frame, line) for frame, line in traceback.walk_tb(problem.__traceback__)]


def _options(arguments: Mapping[str, Any]) -> Iterator[str]:
    """The names of what was given, never the values."""
    for name, value in arguments.items():
        if is_dataclass(kind := type(value)):
            plain: Any = kind()
            names = [each.name for each in fields(kind)]
            yield from (each for each in names if getattr(value, each) != getattr(plain, each))
        else:
            yield name


def _machine() -> dict[str, Any]:
    named = (os.environ.get(ENVIRONMENT) or DEFAULT).lower()
    regions = (name for name, domain in REGIONS.items() if named == name or named.endswith(domain))
    return {
        "lastpage": __version__,
        "python": platform.python_version(),
        "packages": list(_packages()),
        "system": platform.system(),
        "machine": platform.machine(),
        "variables": [name for name in VARIABLES if os.environ.get(name)],
        "region": next(regions, "another"),
    }


def _packages() -> Iterator[str]:
    """What lastpage needs, in the versions that are installed."""
    with suppress(PackageNotFoundError):
        for each in requires("lastpage") or ():
            if "extra ==" not in each:
                name = re.split(r"[^\w.-]", each, maxsplit=1)[0]
                yield f"{name}=={version(name)}"
