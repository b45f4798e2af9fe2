"""The requests to an object store, and what goes wrong with them, as sentences.

    request   of what                          it is
    --------  -------------------------------  ------------------------------------------------
    list      the names under a name           how many there are, 1,000 a request
    look      one object                       size and version
    read      an object, or its end
    write     a file                           whole or not at all; a large one in parts
    swap      a small object                   written only where what is there is what was seen
    copy      an object, within the bucket     whole or not at all
    remove    objects                          those that are not there are passed over

Every request is a step of `Disk`, so that tests can stop at each. Of what a store says, only its
code is told: the rest may quote what was signed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import obstore
import obstore.store
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from lastpage.errors import DestinationError
from lastpage.sinks.bucket import Bucket
from lastpage.sinks.sink import first_line

if TYPE_CHECKING:
    from obstore.store import ObjectStore

#: What makes the client of each scheme; each reads its own variables of the environment.
CLIENTS = {"s3": "S3Store", "gs": "GCSStore", "az": "AzureStore"}
#: Conditions are what keeps two writers apart, whatever AWS_CONDITIONAL_PUT says.
CONFIG = {"s3": {"conditional_put": "etag"}}
#: A whole request has as long as a slow line needs for a part; silence is not waited for so long.
TIMES = {"connect_timeout": "5s", "read_timeout": "60s", "timeout": "15m"}
#: The library asks again for 3 minutes, unless told otherwise.
RETRIES: Any = {"max_retries": 4, "retry_timeout": timedelta(minutes=1)}
#: What is held in memory of a file that is written: a part for each that is on its way.
PART_BYTES, PARTS_AT_ONCE = 8 * 1024**2, 3
#: The largest object that S3 copies in one request; it takes larger ones.
COPY_MAX = 5 * 1024**3
#: What is read at once of an object.
BLOCK_BYTES = 4 * 1024**2
#: How often a write is tried that a store turns down though nobody wrote.
SWAPS_MAX = 3
#: What is told of an answer.
CODE = re.compile(r"<Code>(\w{1,60})</Code>")
STATUS = re.compile(r"status code: (\d{3})")
AGAIN = "then run the same command again: it goes on where it stopped"
GRANT = f"let its owner grant what docs/object-stores.md names, {AGAIN}"
RIGHT = f"give the right ones in the environment (docs/object-stores.md), {AGAIN}"
#: What a code of S3 or Azure means, and what to do.
CODES = {
    "NoSuchBucket": ("there is no such bucket", "make it, or give another one"),
    "ContainerNotFound": ("there is no such container", "make it, or give another one"),
    "AccessDenied": ("these credentials may not do that", GRANT),
    "AuthorizationPermissionMismatch": ("these credentials may not do that", GRANT),
    "InvalidAccessKeyId": ("the store does not know these credentials", RIGHT),
    "SignatureDoesNotMatch": ("the secret key is not that of the access key", RIGHT),
    "ExpiredToken": ("the credentials have expired", RIGHT),
    "InvalidToken": ("the session token is not that of the access key", RIGHT),
    "AuthenticationFailed": ("the store does not take these credentials", RIGHT),
    "RequestTimeTooSkewed": ("the clock of this machine is wrong", f"set it, {AGAIN}"),
    "PendingCopyOperation": ("it has not yet copied all into place", f"wait a little, {AGAIN}"),
    "PermanentRedirect": ("the bucket is in another region", f"set AWS_REGION to it, {AGAIN}"),
    "AuthorizationHeaderMalformed": (
        "the bucket is in another region",
        f"set AWS_REGION to it, {AGAIN}",
    ),
}
#: The same by what the library says, where there is no code, or no answer.
WORDS = {
    "redirect without LOCATION": CODES["PermanentRedirect"],
    "status code: 301": CODES["PermanentRedirect"],
    "status code: 401": CODES["AuthenticationFailed"],
    "status code: 403": CODES["AccessDenied"],
}
#: Where a machine of a provider would find credentials: who is asked there has none.
METADATA = re.compile(r"169\.254\.|metadata\.google|identity/oauth2|fd00:ec2")
NONE_FOUND = (
    "there are no credentials",
    "give those that docs/object-stores.md names; a profile of ~/.aws is not read",
)
#: The requests that have a condition, and how a store says no to it; others say so of other things.
CONDITIONAL = ("swap", "read")
TURNED_DOWN = (AlreadyExistsError, PreconditionError)
#: What makes one version of an object another than the next.
Condition = dict[str, str]


class ConditionError(Exception):
    """What is there is not what was seen."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object, as a look shows it."""

    bytes: int
    version: str
    #: By the clock of the store.
    written: datetime


@dataclass(frozen=True, slots=True)
class Small:
    """A small object, as it was read."""

    data: bytes
    condition: Condition
    #: By the clock of the store.
    written: datetime


def connect(bucket: Bucket) -> ObjectStore:
    """The client of a bucket, by the environment; it asks nothing yet."""
    options: Any = {**TIMES, "allow_http": bucket.allows_http}
    make = getattr(obstore.store, CLIENTS[bucket.scheme])
    client: ObjectStore = make(
        bucket.name,
        config=CONFIG.get(bucket.scheme),
        client_options=options,
        retry_config=RETRIES,
    )
    return client


class Store:
    """A place in an object store; names are from there. Raises `DestinationError`."""

    def __init__(self, bucket: Bucket, seam: Callable[[str], None]) -> None:
        self.bucket = bucket
        self._seam = seam
        with self._asked("connect"):
            self._client = connect(bucket)

    def list(self, under: str) -> dict[str, Seen]:
        """Everything under a name, sorted."""
        with self._asked("list"):
            parts = obstore.list(self._client, self.bucket.key(under) or None, chunk_size=1000)
            found = {self._name(each["path"]): _seen(each) for part in parts for each in part}
        return dict(sorted(found.items()))

    def names(self) -> set[str]:
        """The first parts of all names."""
        with self._asked("list"):
            found = obstore.list_with_delimiter(self._client, self.bucket.prefix or None)
            paths = [*found["common_prefixes"], *(each["path"] for each in found["objects"])]
        return {self._name(path).split("/")[0] for path in paths} - {""}

    def look(self, name: str) -> Seen | None:
        """An object; None where there is none."""
        with self._asked("look"):
            try:
                return _seen(obstore.head(self._client, self.bucket.key(name)))
            except FileNotFoundError:
                return None

    def small(self, name: str) -> Small | None:
        """A small object; None where there is none."""
        with self._asked("read"):
            try:
                found = obstore.get(self._client, self.bucket.key(name))
            except FileNotFoundError as problem:
                _refuse_no_bucket(problem)
                return None
            meta = found.meta
            return Small(bytes(found.bytes()), _condition(meta), meta["last_modified"])

    def read(self, name: str, path: Path) -> bool:
        """Read an object into a file, one version of it; False where there is none."""
        with self._asked("read"):
            try:
                found = obstore.get(self._client, self.bucket.key(name))
            except FileNotFoundError:
                return False
            with path.open("wb") as file:
                for block in found.stream(min_chunk_size=BLOCK_BYTES):
                    file.write(block)
            return True

    def end(self, name: str, seen: Seen, start: int) -> bytes:
        """An object from a byte on; raises `ConditionError` where it is another one by now."""
        options: Any = {"range": (start, seen.bytes), "if_match": seen.version or None}
        with self._asked("read"):
            return bytes(obstore.get(self._client, self.bucket.key(name), options=options).bytes())

    def write(self, name: str, path: Path) -> None:
        """Write a file that is whole, whatever is there."""
        with self._asked("write"):
            obstore.put(
                self._client,
                self.bucket.key(name),
                path,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )

    def swap(self, name: str, data: bytes, there: Condition | None) -> Condition | None:
        """Write a small object where that one is there, or none (None); its own condition then.

        None where another one is there. An answer that was lost is found again: what is written
        has to be different every time.
        """
        for _ in range(SWAPS_MAX):
            try:
                return self.written_if(name, data, there)
            except ConditionError:
                found = self.small(name)
            if found and found.data == data:
                return found.condition
            if (found.condition if found else None) != there:
                return None
        return None

    def written_if(self, name: str, data: bytes, there: Condition | None) -> Condition:
        """Write a small object on that condition; raises `ConditionError`."""
        mode: Any = there or "create"
        with self._asked("swap"):
            key = self.bucket.key(name)
            try:
                done = obstore.put(self._client, key, data, mode=mode, use_multipart=False)
            except FileNotFoundError as problem:
                _refuse_no_bucket(problem)
                raise ConditionError from None  # what was seen is gone
            return _condition(done)

    def copy(self, name: str, to: str) -> bool:
        """Copy an object, over whatever is there; False where there is none to copy."""
        with self._asked("copy"):
            try:
                obstore.copy(self._client, self.bucket.key(name), self.bucket.key(to))
                if self.bucket.scheme != "s3":
                    self._refuse_pending(name, to)
            except FileNotFoundError:
                return False
            return True

    def remove(self, names: Sequence[str]) -> None:
        """Remove objects."""
        keys = [self.bucket.key(name) for name in names]
        with self._asked("remove"):
            try:
                obstore.delete(self._client, keys)
            except FileNotFoundError:  # those after it may not have been asked for
                for key in keys:
                    with suppress(FileNotFoundError):
                        obstore.delete(self._client, key)

    def _refuse_pending(self, *names: str) -> None:
        """Azure may answer that it will copy; until it has, what is there is empty (a guess)."""
        if len({obstore.head(self._client, self.bucket.key(name))["size"] for name in names}) > 1:
            raise ValueError("<Code>PendingCopyOperation</Code>")

    def _name(self, key: str) -> str:
        return key.removeprefix(self.bucket.prefix).lstrip("/")

    @contextmanager
    def _asked(self, step: str) -> Iterator[None]:
        """One request; what goes wrong becomes a sentence that says what to do."""
        try:
            self._seam(f"store {step}")
            yield
        except (BaseError, OSError, ValueError, NotImplementedError) as problem:
            if step in CONDITIONAL and isinstance(problem, TURNED_DOWN):
                raise ConditionError from None
            what, advice = _told(problem, self.bucket)
            raise DestinationError(f"cannot use {self.bucket}: {what}; {advice}") from None


def _told(problem: Exception, bucket: Bucket) -> tuple[str, str]:
    """What went wrong, and what to do."""
    if getattr(problem, "errno", None):
        return first_line(problem), f"mend that, {AGAIN}"
    said = str(problem)
    code, status = CODE.search(said), STATUS.search(said)
    if METADATA.search(said):
        return NONE_FOUND
    if code and code[1] in CODES:
        return CODES[code[1]]
    for words, told in WORDS.items():
        if words in said:
            return told
    if code or status:
        answer = " ".join(each[1] for each in (status, code) if each)
        return f"it answered {answer}", f"mend that, {AGAIN}"
    if "error sending request" in said or "timed out" in said or "retries" in said:
        return (
            f"{bucket.server} cannot be reached, or does not answer",
            f"see whether its name (AWS_ENDPOINT_URL) and the network are right, {AGAIN}",
        )
    return f"{type(problem).__name__}", f"mend that, {AGAIN}"


def _refuse_no_bucket(problem: FileNotFoundError) -> None:
    """Where there is no bucket, there is no object; only the code tells the two apart."""
    code = CODE.search(str(problem))
    if code and code[1] in ("NoSuchBucket", "ContainerNotFound"):
        raise ValueError(str(problem)) from None


def _seen(meta: Any) -> Seen:
    return Seen(meta["size"], meta["e_tag"] or "", meta["last_modified"])


def _condition(meta: Any) -> Condition:
    """What a store needs to know a version again; the library takes no None."""
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name)}
