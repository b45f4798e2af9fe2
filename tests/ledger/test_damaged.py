"""A ledger that is damaged is set aside, and a new one is made; nothing of it is lost that the destination does not have itself."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.ledger.test_ledger import begun

from lastpage.errors import DestinationError
from lastpage.ledger.ledger import FILE, Ledger

PAGE = 4_096
Damage = Callable[[bytes], bytes]


def garbage(whole: bytes) -> bytes:
    return b"no database at all\n" * 400


def cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def torn(whole: bytes) -> bytes:
    return whole[: len(whole) // 2 + 100]


def middle(whole: bytes) -> bytes:
    """Every page but the first is overwritten."""
    return whole[:PAGE] + b"\x55" * (len(whole) - PAGE)


def root(whole: bytes) -> bytes:
    """The page with the schema is overwritten, behind the header."""
    return whole[:200] + b"\xaa" * (PAGE - 200) + whole[PAGE:]


@pytest.mark.invariant("Crash-safe")
@pytest.mark.parametrize(
    "damage", [garbage, cut, torn, middle, root], ids=lambda each: each.__name__
)
def test_it_is_set_aside(tmp_path: Path, damage: Damage) -> None:
    """The next run makes a new ledger, and says where the damaged one is."""
    first = Ledger(tmp_path)
    run = begun(first)
    for number in range(200):
        first.tell(run, f"{number} {'x' * 100}")
    first.close()
    path = tmp_path / FILE
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    again = Ledger(tmp_path)
    assert again.unfinished("2023-10") is None
    assert again.damaged
    assert again.damaged.name.startswith("ledger.damaged-")
    assert again.damaged.read_bytes() == damaged
    run = begun(again)
    again.close()
    last = Ledger(tmp_path)
    assert (last.damaged, last.unfinished("2023-10")) == (None, run)


def test_damage_while_a_run_is_on(tmp_path: Path) -> None:
    """What SQLite finds only later has a sentence that says what to do."""
    ledger = Ledger(tmp_path)
    problem = sqlite3.DatabaseError("database disk image is malformed")
    problem.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    told = pytest.raises(DestinationError, match="run the same command again: it is set aside")
    with told, ledger._explained():
        raise problem
