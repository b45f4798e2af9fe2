"""A PostgreSQL server of the tests' own, and schemas in it that stand for folders.

The server is started once, in a folder of its own, and listens on a socket in it and nowhere else. Where its programs are missing,
`WHY_NOT` says so, and every test of it is skipped with that.

What a destination of another kind has in a folder, this one has in a schema: `url(folder)` names it, and it is copied with the folder
(`elsewhere.copied`), so that what a crash left can be looked at: no more than what was committed.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.readback import by_keys

#: Where Debian, and most others, have the programs.
PLACES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/bin", "/usr/bin")
#: What the superuser may not start, this user does.
OTHER_USER = "postgres"
DATABASE = "postgres"
#: Who is asked for a password.
GUARDED = "guarded"
NAME = "place"  # of a destination in a folder: its schema is the folder's


def programs() -> Path | None:
    """The folder of the newest server's programs; None where there is none."""
    found = [path for place in PLACES for path in Path("/").glob(f"{place[1:]}/initdb")]
    return max(found).parent if found else None


def why_not() -> str:
    """Why there can be no server here; empty where there can."""
    if find_spec("adbc_driver_postgresql") is None:
        return "adbc-driver-postgresql is not installed (the extra `postgres`)"
    if programs() is None:
        return "no PostgreSQL server is installed (initdb)"
    if sys.platform == "win32":
        return "a server listens on a socket in a folder, which Windows does not have"
    return ""


WHY_NOT = why_not()


def _as_other(command: list[str]) -> list[str]:
    if os.getuid() != 0:
        return command
    return ["setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups", *command]


@cache
def server() -> Path:
    """The folder of the running server, with its socket."""
    bin_ = programs()
    assert bin_, WHY_NOT
    folder = Path(tempfile.mkdtemp(prefix="lastpage-postgres-", dir="/tmp"))
    folder.chmod(0o755)
    if os.getuid() == 0:
        shutil.chown(folder, OTHER_USER, OTHER_USER)
    data, log = folder / "data", folder / "log"
    initdb = [str(bin_ / "initdb"), "-D", str(data), "-U", "lastpage", "--auth=trust", "-N"]
    subprocess.run(
        _as_other([*initdb, "-E", "UTF8", "--locale=C"]), check=True, capture_output=True, cwd="/"
    )
    asked = f"local all {GUARDED} scram-sha-256\nlocal all all trust\n"
    (data / "pg_hba.conf").write_text(asked)
    options = f"-F -k {folder} -c listen_addresses='' -c max_connections=60 -c max_locks_per_transaction=512"
    start = [str(bin_ / "pg_ctl"), "-D", str(data), "-l", str(log), "-o", options, "-w", "start"]
    subprocess.run(
        _as_other(start),
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    owner = os.getpid()

    def stop() -> None:
        if os.getpid() == owner:
            command = [str(bin_ / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"]
            subprocess.run(_as_other(command), check=False, capture_output=True, cwd="/")
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return folder


def schema(folder: Path) -> str:
    return "s" + hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()


#: The folders that schemas stand for.
FOLDERS: dict[str, Path] = {}


def url(folder: Path, user: str = "lastpage", **params: str) -> str:
    """The schema that stands for a folder, as a destination."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    FOLDERS[schema(folder)] = folder
    more = "".join(f"&{name}={value}" for name, value in params.items())
    return f"postgresql://{user}@/{DATABASE}?host={server()}{more}&schema={schema(folder)}"


def everything(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The tables of the schema that stands for a folder, without lastpage's own."""
    names = [name for name in tables(folder) if not name.startswith("lastpage_")]
    return {name: by_keys(read(folder, name)) for name in names}


def state(folder: Path) -> Path:
    """Where the state of the schema that stands for a folder is: in the folder, so that it is copied with it."""
    return folder / f"{NAME}.lastpage"


@cache
def connection(process: int) -> Any:
    """A connection of a process, as the server's owner, for as long as it lasts: to connect takes the driver long, since it reads all types."""
    from adbc_driver_postgresql import dbapi

    address = f"postgresql://lastpage@/{DATABASE}?host={server()}"
    connected = dbapi.connect(address, autocommit=True)
    atexit.register(lambda: connected.close() if os.getpid() == process else None)
    return connected


def run(statement: str) -> list[dict[str, Any]]:
    """A statement, as the server's owner."""
    with connection(os.getpid()).cursor() as cursor:
        cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
        cursor.execute(statement)
        rows: list[dict[str, Any]] = (
            cursor.fetch_arrow_table().to_pylist() if cursor.description else []
        )
        return rows


def tables(folder: Path) -> list[str]:
    rows = run(f"select tablename from pg_tables where schemaname = '{schema(folder)}'")
    return sorted(row["tablename"] for row in rows)


def read(folder: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table, without the day; none where there is no such table."""
    if table not in tables(folder):
        return []
    rows = run(f'select * from {schema(folder)}."{table}"')
    return [{name: value for name, value in row.items() if name != "day"} for row in rows]


CLONE = """
do $$
declare t record; v record;
begin
  if not exists (select 1 from pg_namespace where nspname = '{old}') then return; end if;
  create schema {new};
  for t in select tablename from pg_tables where schemaname = '{old}' loop
    execute format('create table {new}.%I (like {old}.%I including all)', t.tablename, t.tablename);
    execute format('insert into {new}.%I select * from {old}.%I', t.tablename, t.tablename);
  end loop;
  for v in select viewname, definition from pg_views where schemaname = '{old}' loop
    execute format('create view {new}.%I as %s', v.viewname, replace(v.definition, '{old}.', '{new}.'));
  end loop;
end $$
"""


def clone(old: Path, new: Path) -> None:
    """What is committed of the schema of one folder, for another one."""
    remove(new)
    FOLDERS[schema(new)] = new
    run(CLONE.format(old=schema(old), new=schema(new)))


def remove(folder: Path) -> None:
    run(f"drop schema if exists {schema(folder)} cascade")
