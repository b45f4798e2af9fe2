"""An object store of the tests' own, and prefixes in it that stand for folders.

It is obstore's own store in memory, which keeps conditions as S3 does; `emulator` is a server that speaks S3 (moto), for what has to be
seen over a wire, or from two processes. Where a library for them is missing, `WHY_NOT` says so, and every test of it is skipped with that.

What a destination of another kind has in a folder, this one has under a prefix: `url(folder)` names it, `down` brings it into a folder,
to be read or to be damaged, and `up` puts that in its place.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from lastpage.sinks.bucket import Bucket
from tests.readback import everything as everything_of
from tests.readback import table

BUCKET = "lastpage-tests"
NAME = "objects"  # of a destination in a folder: its prefix stands for the folder
WHY_NOT = "" if find_spec("obstore") else "obstore is not installed (the extra `s3`)"
NO_EMULATOR = WHY_NOT or ("" if find_spec("moto") else "moto is not installed (the extra `test`)")
#: The folders that prefixes stand for.
FOLDERS: dict[str, Path] = {}
#: What every client of the tests asks; made anew for each test.
STORES: list[Any] = []


def store() -> Any:
    from obstore.store import MemoryStore

    if not STORES:
        STORES.append(MemoryStore())
    return STORES[0]


@cache
def leads_here() -> None:
    """From now on, who asks for a prefix that stands for a folder asks the store in memory."""
    from lastpage.sinks import objects
    from lastpage.sinks import store as ours

    objects.AT_ONCE = 1  # a step is a step: what comes after the one that failed does not come
    usual = ours.connect

    def connect(bucket: Bucket) -> Any:
        return store() if bucket.prefix in FOLDERS else usual(bucket)

    ours.connect = connect


def prefix(folder: Path) -> str:
    return "p" + hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()


def url(folder: Path) -> str:
    """The prefix that stands for a folder, as a destination."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    leads_here()
    FOLDERS[prefix(folder)] = folder
    return f"s3://{BUCKET}/{prefix(folder)}"


def state(folder: Path) -> Path:
    """Where the state of the prefix that stands for a folder is: in the folder, so that it is copied with it."""
    return folder / f"{NAME}.lastpage"


def names(folder: Path) -> list[str]:
    import obstore

    found = [each["path"] for part in obstore.list(store(), prefix(folder)) for each in part]
    return sorted(each.removeprefix(f"{prefix(folder)}/") for each in found)


def get(folder: Path, name: str) -> bytes:
    import obstore

    return bytes(obstore.get(store(), f"{prefix(folder)}/{name}").bytes())


def put(folder: Path, name: str, data: bytes) -> None:
    import obstore

    obstore.put(store(), f"{prefix(folder)}/{name}", data, use_multipart=False)


def remove(folder: Path, under: str = "") -> None:
    import obstore

    gone = [f"{prefix(folder)}/{name}" for name in names(folder) if name.startswith(under)]
    if gone:
        obstore.delete(store(), gone)


def down(folder: Path) -> Path:
    """A folder that has the objects as files."""
    found = folder.with_name(f"{folder.name}-objects")
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    for name in names(folder):
        path = found / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(get(folder, name))
    return found


def up(source: Path, folder: Path) -> None:
    """The files of a folder, in place of all objects."""
    remove(folder)
    for path in source.rglob("*"):
        if path.is_file():
            put(folder, path.relative_to(source).as_posix(), path.read_bytes())


def clone(old: Path, new: Path) -> None:
    """The objects that stand for one folder, for another one."""
    FOLDERS[prefix(new)] = new
    remove(new)
    for name in names(old):
        put(new, name, get(old, name))


def read(folder: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table."""
    return table(down(folder), name)


def everything(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return everything_of(down(folder))


@contextmanager
def emulator() -> Iterator[dict[str, str]]:
    """A server that speaks S3, on this machine alone; the variables of the environment that lead to it."""
    if NO_EMULATOR:
        pytest.skip(NO_EMULATOR)
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would tell of every request
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    keys = {
        "aws_access_key_id": "tests",
        "aws_secret_access_key": "none",
        "region_name": "us-east-1",
    }
    try:
        boto3.client("s3", endpoint_url=address, **keys).create_bucket(Bucket=BUCKET)
        yield {
            "AWS_ENDPOINT_URL": address,
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_REGION": "us-east-1",
            "NO_PROXY": "127.0.0.1",
        }
    finally:
        server.stop()
